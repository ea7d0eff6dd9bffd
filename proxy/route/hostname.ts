/** True when some host is meant by both: names, or wildcards such as `*.example`. */
export function hostnamesMeet(a: string, b: string): boolean {
  return covers(a, b) || covers(b, a);
}

/** True when `pattern` stands for everything that `name` stands for. `*.a` covers no `a`. */
export function covers(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  return pattern.startsWith('*.') && name.length > pattern.length - 1 && endsIn(name, pattern);
}

function endsIn(name: string, pattern: string): boolean {
  return name.endsWith(pattern.slice(1));
}
