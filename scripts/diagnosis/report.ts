/** The table of what was measured, as docs/DIAGNOSIS-EVAL.md keeps it. */
import { arch, cpus, release } from 'node:os';
import { ARRIVES, losesNothing, type Measured, NOTHING } from './measured.ts';

interface Row {
  readonly what: string;
  readonly items: readonly Measured[];
}

export function report(
  measured: readonly Measured[],
  {
    seed,
    plan,
    added,
    note,
  }: {
    readonly seed: string;
    readonly plan: string | null;
    readonly added: number;
    readonly note: string | null;
  },
): string {
  const counted = measured.filter(({ skipped }) => skipped === undefined);
  const rows: Row[] = [
    { what: 'faults of the labs', items: counted.filter(({ source }) => source === 'lab') },
    { what: 'single faults, drawn', items: counted.filter(({ source }) => source === 'single') },
    { what: 'double faults, drawn', items: counted.filter(({ source }) => source === 'double') },
    {
      what: 'Services, ports, names, egress, drawn',
      items: counted.filter(({ source }) => source === 'service'),
    },
    { what: 'all', items: counted },
  ];
  const labs = [...new Set(counted.map(({ lab }) => lab))].sort();
  const perLab = labs.map(
    (lab): Row => ({ what: `lab ${lab}`, items: counted.filter((item) => item.lab === lab) }),
  );
  const nothingLost = counted.filter((item) => item.walked !== null && walkOf(item) === null);
  return `${[
    '# How good the diagnosis is',
    '',
    'Every fault of every lab, and faults drawn at random, put into solved testbeds one at a time. `npm run eval:diagnosis`',
    `made this page, with seed \`${seed}\` and ${plan === null ? 'the canonical addresses' : `the addresses of \`--plan ${plan}\``}, on ${cpus().length} cores (${arch()}, Linux ${release()}). The same`,
    `seed draws the same faults.${added > 0 ? ` What ${added} earlier runs kept is counted too (\`--add\`).` : ''}`,
    '',
    'A fault says beforehand which causes name it, and in which hosts the packet can be when it is lost; the diagnosis has no',
    'part in that. Of a fault of a lab the hosts are derived from where it is put. For a double fault either of the two counts:',
    'the one that the packet meets first is the one that shows. A *wrong* cause is one that is none of these; *unknown* says',
    'that none is proven; *not seen* is a check that passes and a walk that arrives in spite of the fault. All of them are in',
    `the denominators. ${nothingLost.length} walks are in none: their fault loses no packet of theirs (another source address,`,
    'uneven shares, a wrong record;',
    `${[...new Set(Object.values(ARRIVES))].join(';\n')}),`,
    'and they arrived. What arrived by another way than planned is named too. Times are medians, 95 % and the longest, in',
    'milliseconds: of the check with its probes and their patience (1 s for silence), of its diagnosis alone, and of the walk.',
    '',
    '| | faults | last hop right | cause right: check | unknown | wrong | not seen | cause right: walk | unknown | wrong | not seen | check ms | diagnosis ms | walk ms |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.filter(({ items }) => items.length > 0).map(drawRow),
    ...perLab.map(drawRow),
    '',
    'The aims: last hop 98 %, cause 90 %, wrong below 3 %.',
    '',
    ...(note ? [note, ''] : []),
    ...listOf(
      'Named wrongly, or not at all',
      counted.filter((item) => !isRight(item.checked, item) || !isRight(walkOf(item), item)),
      tellWrong,
    ),
    ...listOf(
      'Another last hop than was said beforehand',
      counted.filter(({ walked }) => walked?.lastHopRight === false),
      tellHop,
    ),
    ...listOf(
      'Not counted',
      measured.filter(({ skipped }) => skipped !== undefined && skipped !== 'makes no sense there'),
      ({ lab, fault, skipped }) => `${lab} ${fault}: ${oneLine(skipped)}`,
    ),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

/** The walk, where the fault can lose a packet. */
function walkOf(item: Measured): Measured['walked'] {
  return item.walked?.cause === NOTHING && losesNothing(item) ? null : item.walked;
}

function isRight(found: { cause: string } | null, { wanted }: Measured): boolean {
  return found === null || wanted.includes(found.cause);
}

function drawRow({ what, items }: Row): string {
  const checked = items.flatMap((item) => (item.checked ? [{ ...item.checked, wanted: item.wanted }] : []));
  const walked = items.flatMap((item) => {
    const found = walkOf(item);
    return found ? [{ ...found, wanted: item.wanted }] : [];
  });
  const hops = walked.filter(({ lastHopRight }) => lastHopRight !== null);
  const cells = [
    what,
    String(items.length),
    share(hops.filter(({ lastHopRight }) => lastHopRight).length, hops.length),
    ...named(checked),
    ...named(walked),
    times(checked.filter(({ ms }) => ms > 0).map(({ ms }) => ms)),
    times(checked.flatMap(({ diagnosisMs }) => diagnosisMs || [])),
    times(walked.map(({ ms }) => ms)),
  ];
  return `| ${cells.join(' | ')} |`;
}

function named(found: readonly { readonly cause: string; readonly wanted: readonly string[] }[]): string[] {
  const right = found.filter(({ cause, wanted }) => wanted.includes(cause)).length;
  const others = found.filter(({ cause, wanted }) => !wanted.includes(cause));
  const unknown = others.filter(({ cause }) => cause === 'unknown').length;
  const unseen = others.filter(({ cause }) => cause === NOTHING).length;
  return [
    share(right, found.length),
    share(unknown, found.length),
    share(others.length - unknown - unseen, found.length),
    share(unseen, found.length),
  ];
}

function share(part: number, whole: number): string {
  return whole === 0 ? '' : `${((100 * part) / whole).toFixed(1)} % (${part}/${whole})`;
}

function times(list: readonly number[]): string {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return sorted.length === 0 ? '' : `${at(0.5)} / ${at(0.95)} / ${sorted.at(-1)}`;
}

function listOf(title: string, items: readonly Measured[], line: (item: Measured) => string): string[] {
  return items.length === 0 ? [] : [`## ${title}`, '', ...items.map((item) => `- ${line(item)}`), ''];
}

function tellWrong({ lab, fault, wanted, checked, walked }: Measured): string {
  return `${lab} ${fault}: wanted ${wanted.join(' or ')}; check: ${checked?.cause ?? '-'}, walk: ${walked?.cause ?? '-'}`;
}

function tellHop({ lab, fault, walked }: Measured): string {
  return `${lab} ${fault}: ${walked?.sentence}`;
}

function oneLine(text: string | undefined): string {
  return (text ?? '').split('\n')[0]?.slice(0, 160) ?? '';
}
