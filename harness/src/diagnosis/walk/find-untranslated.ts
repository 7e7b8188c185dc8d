/** What a node did, and did not do, to the destination of a packet. */
import type { NamedCause } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import { contains } from '../../topology/cidr.ts';
import { cause } from '../evidence.ts';
import { rewriting } from '../trace-rules.ts';
import type { Knowledge } from './explain-steps.ts';
import type { Step } from './follow-packet.ts';
import type { Missing } from './missing.ts';

type Found = NamedCause | null;

/** Where a rule of the host that has the packet in hand sends it; null where none did, or a map decided. */
export function translatedTo(
  known: Knowledge,
  { sighting, packet }: Step,
): { readonly address: string; readonly port: number | null } | null {
  const met = known
    .metIn(sighting.host)
    .filter((rule) => rule.packet?.id === packet.id && rule.packet.source === packet.source);
  const [, address, port] =
    /dnat to (\d+(?:\.\d+){3})(?::(\d+))?/.exec(rewriting(met, 'dnat').at(-1)?.rule ?? '') ?? [];
  return address === undefined ? null : { address, port: port === undefined ? null : Number(port) };
}

/** The address of a Service that nobody translated: what the rules of the sender's node say of it instead. */
export async function findUntranslated(
  known: Knowledge,
  missing: Missing,
  last: Step | null,
): Promise<Found> {
  const { plan } = known.testbed;
  const { address, port, protocol, sender } = missing;
  const destination = last?.packet.destination ?? address;
  if (!contains(plan.cluster.serviceCidr, destination) || known.scene.ownersOf(destination).length > 0)
    return null;
  const host: Host = { node: sender.node, pod: '' };
  const met = known.metIn(last?.sighting.host ?? host).filter(({ packet }) => packet?.id === last?.packet.id);
  if (rewriting(met, 'dnat').length > 0) return null;
  const service = Object.keys(plan.services).find((name) => plan.services[name]?.clusterIp === destination);
  const whose = service ? `the ClusterIP of Service ${service}` : 'an address from the Services’ range';
  const { stdout } = await known.testbed.probe(host, ['nft', 'list', 'ruleset']);
  const lines = stdout
    .split('\n')
    .filter((line) => new RegExp(`\\b${destination.replaceAll('.', '\\.')}\\b`).test(line));
  const forProtocol = lines.filter(
    (line) => new RegExp(`\\b${protocol}\\b`).test(line) || !/\b(tcp|udp)\b/.test(line),
  );
  const forPort = (list: readonly string[]) => list.some((line) => !/dport/.test(line) || new RegExp(`dport (\\{[^}]*)?\\b${port}\\b`).test(line)); // biome-ignore format: one condition
  const name = known.scene.nameOf(host);
  const text = `${destination}, ${whose}, was not translated on its way through ${name}`;
  if (lines.length === 0) return cause('no-dnat', host, `${text}: no rule there names it`);
  if (forPort(forProtocol))
    return cause(
      'service-hook-missing',
      host,
      `${text}: there are rules for it, and the packet did not pass them`,
    );
  if (forProtocol.length > 0)
    return cause('wrong-service-port', host, `${text}: the rules for it are for other ports than ${port}`);
  return cause('wrong-protocol', host, `${text}: the rules for it are not for ${protocol.toUpperCase()}`);
}
