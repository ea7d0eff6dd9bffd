import { generate } from '/work/main/test/property/http1/generate.ts';
import { compare, shrunk } from '/work/main/test/property/http1/compare.ts';
const n = Number(process.argv[2]); const base=Number(process.argv[3]??0);
const groups = new Map<string, {n:number, ex:string}>(); const verdicts: Record<string,number>={};
const t=performance.now();
for (const kind of ['request','response'] as const) for (let i=0;i<n;i++){
  const s = generate(kind, base+i); const v = compare(s);
  verdicts[kind+v.ours]=(verdicts[kind+v.ours]??0)+1;
  if (v.rule) verdicts[v.rule]=(verdicts[v.rule]??0)+1;
  if (v.problem) { const key = kind+' '+v.problem.replace(/byte \d+/,'').replace(/(fields|trailers|body) .*/,'$1').slice(0,110);
    const g=groups.get(key); if(g) g.n++; else groups.set(key,{n:1,ex:JSON.stringify(shrunk(s).text)+'   '+compare(shrunk(s)).problem?.slice(0,160)}); }
}
console.log(performance.now()-t, verdicts); for (const [k,g] of [...groups].sort((a,b)=>b[1].n-a[1].n).slice(0,60)) console.log(g.n,k,'\n     ',g.ex.slice(0,400));
