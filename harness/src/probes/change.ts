/** A change in a testbed, as the board tells it. */

export interface Change {
  /** `node1`, `pod/a`; a namespace that the plan does not know is `node1/NAME`. */
  readonly host: string;
  readonly kind:
    | 'link'
    | 'address'
    | 'route'
    | 'neighbour'
    | 'fdb'
    | 'rules'
    | 'setting'
    | 'namespace'
    | 'files';
  /** "veth-a joined cni0" */
  readonly text: string;
}

/** The same thing told several times at once is told once: "rule added to nat POSTROUTING (3 times)". */
export function withoutRepeats(changes: readonly Change[]): Change[] {
  const groups = Map.groupBy(changes, ({ host, text }) => `${host}\n${text}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    return group.length > 1 ? { ...first, text: `${first.text} (${group.length} times)` } : first;
  });
}
