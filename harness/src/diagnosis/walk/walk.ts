/**
 * The walk of a packet: what `podwire trace --json` prints, and what the board and the site draw. The shape is
 * stable: fields are added, none is renamed or given another meaning without another `version`.
 */
import type { OutcomeKind, Protocol } from '../../probes/reach.ts';
import type { NamedCause } from '../../probes/symptom.ts';

/** What to send, as its asker writes it. */
export interface WalkRequest {
  /** `pod/a`, `node1`, `client`. */
  readonly from: string;
  /** A pod, node, Service, name or address, with `:PORT` where it matters. */
  readonly to: string;
  /** TCP where nothing is said. */
  readonly protocol?: Protocol;
  /** Length of the IP packet (UDP, ICMP; sent with DF), or of the answer (TCP). */
  readonly size?: number;
  /** How many probes to send, each from a port of its own; the first that is lost is walked, or else the first, and all are counted. */
  readonly count?: number;
}

/** One probe, sent and followed everywhere. */
export interface Walk {
  readonly version: 1;
  readonly lab: string;
  readonly seed: string | null;
  readonly request: WalkedRequest;
  /** One sentence that says how it ended. */
  readonly sentence: string;
  /** The request came where it was to go, and its answer came back. */
  readonly arrived: boolean;
  /** What the sender was told. */
  readonly outcome: OutcomeKind;
  /** In the order in which they were sent: the request, its reply, an ICMP error, the piece of data that was lost. */
  readonly packets: readonly PacketWalk[];
  /** Where and why it was lost; null when nothing was. */
  readonly loss: Loss | null;
  /** What is otherwise than planned on the way of a probe that arrived. */
  readonly deviations: readonly NamedCause[];
  /** Who got how many of the probes, when there was more than one. */
  readonly tally: readonly Tally[];
  /** The hosts on the way, each once, in the order in which the packets came to them. */
  readonly hosts: readonly string[];
  readonly durationMs: number;
}

/** The request, once it is known what its words mean. */
export interface WalkedRequest {
  readonly from: string;
  /** As it was written. */
  readonly to: string;
  /** Which host the packet is meant for, where that is one host. */
  readonly target: string | null;
  readonly protocol: Protocol;
  readonly address: string;
  /** 0 for ICMP. */
  readonly port: number;
  readonly size: number;
  readonly count: number;
}

/** `question` and `response` are those of DNS, when the target is a name. */
export type PacketRole = 'question' | 'response' | 'request' | 'reply' | 'error' | 'data';

export interface PacketWalk {
  readonly role: PacketRole;
  /** `TCP SYN 10.244.1.2:43210 > 10.244.2.2:8080`, as its sender made it. */
  readonly summary: string;
  /** What its sender did before it was seen first: routing, NAT, ARP. */
  readonly begins: readonly Happening[];
  /** Where it was seen, in order. */
  readonly stops: readonly Stop[];
  /** Its receiver got it. */
  readonly arrived: boolean;
}

/** One sighting of a packet: it passed an interface. */
export interface Stop {
  /** `pod/a`, `node1`; a namespace that the plan does not know is `node1/NAME`. */
  readonly host: string;
  readonly interface: string;
  readonly direction: 'in' | 'out';
  /** Microseconds since the first packet of the walk was sent. */
  readonly atUs: number;
  readonly packet: PacketView;
  /** What happened to it between here and the next stop, or to its end. */
  readonly then: readonly Happening[];
}

/** A packet as it is at one stop. */
export interface PacketView {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  /** Null where the packet has none: ICMP, later fragments. */
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'other';
  /** `SYN`, `SYN, ACK`, `echo request`, `port unreachable`, `fragment at 1480` ... */
  readonly what: string;
  readonly ttl: number;
  /** Of the IP packet, in bytes. */
  readonly length: number;
  /** The packet around it, when this stop saw it inside a VXLAN tunnel. */
  readonly outer: OuterView | null;
}

export interface OuterView {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly vni: number;
  readonly ttl: number;
  readonly length: number;
}

export type HappeningKind =
  | 'cable'
  | 'bridged'
  | 'routed'
  | 'dnat'
  | 'snat'
  | 'encapsulated'
  | 'decapsulated'
  | 'fragmented'
  | 'arp-asked'
  | 'arp-answered'
  | 'delivered'
  | 'answered'
  | 'dropped'
  | 'lost';

export interface Happening {
  readonly kind: HappeningKind;
  /** Where it happened. */
  readonly host: string;
  /** For people: `routed by 10.244.2.0/24 via 192.168.56.12 dev eth0`. */
  readonly text: string;
}

export interface Loss {
  /** Which of {@link Walk.packets} was lost, and the stop it was last seen at; null when it was seen nowhere. */
  readonly packet: number;
  readonly lastStop: Stop | null;
  /** Where it went missing: the host that had it in hand. */
  readonly where: string;
  /** Why: the likeliest first. `unknown` alone when nothing is proven. */
  readonly causes: readonly NamedCause[];
  /** What was read that proves it, a line each. */
  readonly evidence: readonly string[];
  /** A command to go on with. */
  readonly next: string;
}

export interface Tally {
  /** The host that the probe came to, or where it was lost. */
  readonly where: string;
  readonly answered: boolean;
  readonly count: number;
}
