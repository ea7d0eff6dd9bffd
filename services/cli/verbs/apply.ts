import type { Command } from 'commander';
import { type WriteOptions, withWriting, write } from '../changeset.ts';
import { usage } from '../errors.ts';
import { readDocuments, selector, withPlaces } from '../input.ts';
import type { Io } from '../io.ts';
import { addVerb } from '../verb.ts';

interface Options extends WriteOptions {
  filename: string[];
  prune?: boolean;
  selector?: string;
}

export function addApply(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'apply',
    summary: 'write resources as one atomic change-set',
    details:
      'Whole resources are replaced; what is equal makes no revision. A resource that still has\n' +
      'the resourceVersion of `get` is refused (status 4) when somebody else changed it since.',
    examples: [
      'windrose apply -f infra/demo/try/canary.yaml --wait',
      'windrose get httproute shop/reviews -o yaml | sed s/100/90/ | windrose apply -f - --dry-run',
      'windrose apply -f infra/demo/manifests --prune -l app=shop --dry-run',
    ],
  })
    .requiredOption('-f, --filename <path...>', 'files, folders, or - for standard input')
    .option('--prune', 'also delete what carries the labels of -l and is not in the files')
    .option('-l, --selector <labels>', 'labels such as app=shop, for --prune');
  withWriting(command).action(async (options: Options) => {
    if (options.prune === true && options.selector === undefined) {
      throw usage('--prune needs -l, the labels of what may be deleted');
    }
    if (options.selector !== undefined && options.prune !== true) {
      throw usage('-l says what --prune may delete; add --prune or leave -l away');
    }
    const labels = options.selector === undefined ? undefined : selector(options.selector);
    const documents = await readDocuments(io, options.filename);
    const upserts = documents.map((document) => document.value);
    const prune = labels === undefined ? {} : { prune: { labels } };
    await withPlaces(documents, write(io, options, { upserts, ...prune }));
  });
}
