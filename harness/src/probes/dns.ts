/** DNS as a client on a host sees it: questions by `dig` of the fabric's, over UDP or TCP, and what came back. */
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { paced } from './paced.ts';

export type DnsProtocol = 'udp' | 'tcp';
export const DNS_PROTOCOLS: readonly DnsProtocol[] = ['udp', 'tcp'];
export const DNS_PORT = 53;

export type RecordType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'PTR' | 'SRV' | 'TXT';

export interface DnsQuestion {
  /** Absolute, with its final dot. */
  readonly name: string;
  readonly type: RecordType;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  /** As dig prints it: an address, a name with its final dot, `0 100 80 web.default.svc.cluster.local.` */
  readonly data: string;
}

export interface DnsAnswer extends DnsQuestion {
  readonly protocol: DnsProtocol;
  /** `NOERROR`, `NXDOMAIN`, `REFUSED` ...; null: no answer that a resolver would take. */
  readonly status: string | null;
  /** The flag TC: the rest comes over TCP (RFC 1035, section 4.2.1). */
  readonly truncated: boolean;
  readonly records: readonly DnsRecord[];
}

export interface DnsAsk {
  readonly server: string;
  readonly protocol: DnsProtocol;
  readonly questions: readonly DnsQuestion[];
  /** Without EDNS an answer over UDP has at most 512 bytes (RFC 6891). */
  readonly edns?: boolean;
  /** How long each question may stay without an answer; 2 unless told. */
  readonly waitSeconds?: number;
  /** The port to ask from, for one question; else the kernel chooses. */
  readonly sourcePort?: number;
  /** How long all of it may take: what has been answered until then counts. */
  readonly deadlineMs?: number;
}

/** dig counts in whole seconds. On one machine an answer takes a millisecond, and more while a class works on it. */
const WAIT_SECONDS = 2;
/**
 * dig asks one question after the other: a server that has fallen silent is not waited for each time. dig is to print
 * each line at once (man 1 stdbuf), so that what has been answered until then is there.
 */
const DEADLINE_MS = 8_000;

/**
 * What the DNS server of a cluster has a record of, so that it asks nobody else; every other server has something to say
 * to it too.
 */
export function ownQuestion(clusterDomain: string): DnsQuestion {
  return { name: `kube-dns.kube-system.svc.${clusterDomain}.`, type: 'A' };
}

/** Asks from the namespace of a host. The answers come in the order of the questions. */
export async function askDns(testbed: Testbed, from: Host, asked: DnsAsk): Promise<DnsAnswer[]> {
  const { server, protocol, questions, edns = true, waitSeconds = WAIT_SECONDS, sourcePort } = asked;
  const { deadlineMs = DEADLINE_MS } = asked;
  const argv = [
    // -r: no ~/.digrc. +ignore: an answer with TC is shown, and not asked for again over TCP.
    ...[
      'stdbuf',
      '--output=L',
      'dig',
      '-r',
      `@${server}`,
      '+yaml',
      '+tries=1',
      `+time=${waitSeconds}`,
      '+nocookie',
      '+ignore',
    ],
    protocol === 'tcp' ? '+tcp' : '+notcp',
    edns ? '+edns=0' : '+noedns',
    ...(sourcePort === undefined ? [] : ['-b', `0.0.0.0#${sourcePort}`]),
    ...questions.flatMap(({ name, type }) => [name, type]),
  ];
  const { stdout } = await paced(testbed, () => testbed.probe(from, argv, { deadlineMs }));
  const answers = matchAnswers(questions, protocol, stdout);
  const unread = answers.filter(({ status }) => status === 'FORMERR');
  if (!edns || unread.length === 0) return answers;
  // A server that does not know EDNS says so, and is asked without it (RFC 6891, section 7).
  const again = await askDns(testbed, from, { ...asked, questions: unread, edns: false });
  return answers.map((answer) => {
    const isSame = ({ name, type }: DnsAnswer) => name === answer.name && type === answer.type;
    return unread.includes(answer) ? (again.find(isSame) ?? answer) : answer;
  });
}

/** The answer to one question. */
export async function askDnsOnce(
  testbed: Testbed,
  from: Host,
  server: string,
  protocol: DnsProtocol,
  question: DnsQuestion,
): Promise<DnsAnswer> {
  const [answer] = await askDns(testbed, from, { server, protocol, questions: [question] });
  return answer ?? silent(question, protocol);
}

/** Reads `dig +yaml`. What is no answer to one of the questions is none: dig has compared the numbers. */
export function matchAnswers(
  questions: readonly DnsQuestion[],
  protocol: DnsProtocol,
  printed: string,
): DnsAnswer[] {
  const messages = printed.split(/^- type: /m).flatMap((text) => {
    const [question] = itemsOf(text, 'QUESTION_SECTION');
    const [name = '', , type = ''] = question?.split(/\s+/) ?? [];
    return text.startsWith('MESSAGE') && question ? [{ key: keyOf(name, type), text }] : [];
  });
  return questions.map((question) => {
    const index = messages.findIndex(({ key }) => key === keyOf(question.name, question.type));
    const [found] = index < 0 ? [] : messages.splice(index, 1);
    if (!found) return silent(question, protocol);
    const { text } = found;
    return {
      ...question,
      protocol,
      status: /^\s+status: (\w+)$/m.exec(text)?.[1] ?? null,
      truncated: /^\s+flags:.*\btc\b/m.test(text),
      records: itemsOf(text, 'ANSWER_SECTION').map(readRecord),
    };
  });
}

/** `NXDOMAIN`, or the records: what a check reports as found. */
export function describeAnswer(answer: DnsAnswer): string {
  const { status, records, truncated } = answer;
  if (status === null) return 'no answer';
  if (status !== 'NOERROR') return status;
  if (records.length === 0) return truncated ? 'a truncated answer' : 'NOERROR without a record';
  const owners = ownersIn(answer);
  const ofOther = (name: string) => (owners.has(ownerKey(name)) ? '' : ` of the name ${name}`);
  const shown = records.slice(0, 4).map(({ name, type, data }) => `${type} ${data}${ofOther(name)}`);
  return `${shown.join(', ')}${records.length > 4 ? ` and ${records.length - 4} more` : ''}`;
}

/**
 * The data of the records of one type, in lower case where they are names. Records of another name than the one that was
 * asked for are no answer to a resolver, unless an alias leads there (RFC 1034, section 5.3.3).
 */
export function dataOf(answer: DnsAnswer, type: RecordType): string[] {
  const owners = ownersIn(answer);
  const own = answer.records.filter((record) => record.type === type && owners.has(ownerKey(record.name)));
  return own.map(({ data }) => data.toLowerCase());
}

/** The name that was asked for, and where its aliases lead. */
function ownersIn({ name, records }: DnsAnswer): ReadonlySet<string> {
  const owners = new Set([ownerKey(name)]);
  for (let before = 0; before < owners.size; ) {
    before = owners.size;
    for (const record of records)
      if (record.type === 'CNAME' && owners.has(ownerKey(record.name))) owners.add(ownerKey(record.data));
  }
  return owners;
}

function ownerKey(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function silent(question: DnsQuestion, protocol: DnsProtocol): DnsAnswer {
  return { ...question, protocol, status: null, truncated: false, records: [] };
}

function keyOf(name: string, type: string): string {
  return `${ownerKey(name)} ${type}`;
}

/** The list below a key of a message, without its quotes. */
function itemsOf(text: string, section: string): string[] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.trim() === `${section}:`);
  if (start < 0) return [];
  const items: string[] = [];
  for (const line of lines.slice(start + 1)) {
    const item = /^\s+- (.*)$/.exec(line)?.[1];
    if (item === undefined) break;
    items.push(item.replace(/^'|'$/g, ''));
  }
  return items;
}

function readRecord(text: string): DnsRecord {
  const [name = '', , , type = '', ...data] = text.split(/\s+/);
  return { name: name.toLowerCase(), type, data: data.join(' ') };
}
