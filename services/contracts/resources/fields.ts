import { nearest } from '../nearest.ts';

interface Node {
  properties?: Record<string, Node>;
  items?: Node;
  anyOf?: readonly Node[];
  allOf?: readonly Node[];
  patternProperties?: Record<string, Node>;
}

/**
 * The field of a schema that was most likely meant by one that it does not have, at the place that
 * a JSON pointer names; undefined when none is like it.
 */
export function likelyField(schema: object, pointer: string, field: string): string | undefined {
  let nodes: Node[] = [schema as Node];
  for (const token of pointer.split('/').slice(1)) {
    nodes = nodes.flatMap(branchesOf).flatMap((node) => {
      const below = /^[0-9]+$/.test(token) ? node.items : undefined;
      const next = below ?? node.properties?.[token];
      return next === undefined ? Object.values(node.patternProperties ?? {}) : [next];
    });
  }
  const fields = nodes
    .flatMap(branchesOf)
    .flatMap(({ properties = {} }) => Object.keys(properties));
  return nearest(field, fields);
}

function branchesOf(node: Node): Node[] {
  const { anyOf = [], allOf = [] } = node;
  return [node, ...[...anyOf, ...allOf].flatMap(branchesOf)];
}
