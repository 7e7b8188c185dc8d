/** The walk of a packet as the API tells it: harness/src/diagnosis/walk/walk.ts as a schema. */
import { z } from 'zod';

const NamedCause = z.object({ id: z.string(), where: z.string(), text: z.string() });

const PacketView = z.object({
  sourceMac: z.string(),
  destinationMac: z.string(),
  source: z.string(),
  destination: z.string(),
  sourcePort: z.number().int().nullable(),
  destinationPort: z.number().int().nullable(),
  protocol: z.enum(['tcp', 'udp', 'icmp', 'other']),
  what: z.string(),
  ttl: z.number().int(),
  length: z.number().int(),
  outer: z
    .object({
      source: z.string(),
      destination: z.string(),
      port: z.number().int(),
      vni: z.number().int(),
      ttl: z.number().int(),
      length: z.number().int(),
    })
    .nullable(),
});

const Happening = z.object({
  kind: z.enum([
    'cable',
    'bridged',
    'routed',
    'dnat',
    'snat',
    'encapsulated',
    'decapsulated',
    'fragmented',
    'arp-asked',
    'arp-answered',
    'delivered',
    'answered',
    'dropped',
    'lost',
  ]),
  host: z.string(),
  text: z.string(),
});

const Stop = z.object({
  host: z.string(),
  interface: z.string(),
  direction: z.enum(['in', 'out']),
  atUs: z.number(),
  packet: PacketView,
  // biome-ignore lint/suspicious/noThenProperty: the name of the field, and never a function
  then: z.array(Happening),
});

export const Walk = z.object({
  version: z.literal(1),
  lab: z.string(),
  seed: z.string().nullable(),
  request: z.object({
    from: z.string(),
    to: z.string(),
    target: z.string().nullable(),
    protocol: z.enum(['tcp', 'udp', 'icmp']),
    address: z.string(),
    port: z.number().int(),
    size: z.number().int(),
    count: z.number().int(),
  }),
  sentence: z.string(),
  arrived: z.boolean(),
  outcome: z.enum([
    'answer',
    'refused',
    'reset',
    'unreachable-local',
    'unreachable-remote',
    'too-big',
    'prohibited',
    'timeout',
    'wrong-server',
    'no-namespace',
  ]),
  packets: z.array(
    z.object({
      role: z.enum(['question', 'response', 'request', 'reply', 'error', 'data']),
      summary: z.string(),
      begins: z.array(Happening),
      stops: z.array(Stop),
      arrived: z.boolean(),
    }),
  ),
  loss: z
    .object({
      packet: z.number().int(),
      lastStop: Stop.nullable(),
      where: z.string(),
      causes: z.array(NamedCause),
      evidence: z.array(z.string()),
      next: z.string(),
    })
    .nullable(),
  deviations: z.array(NamedCause),
  tally: z.array(z.object({ where: z.string(), answered: z.boolean(), count: z.number().int() })),
  hosts: z.array(z.string()),
  durationMs: z.number(),
});
export type Walk = z.infer<typeof Walk>;
