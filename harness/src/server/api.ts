/**
 * What `podwire serve` and its clients say to each other: every request, response and WebSocket message, as
 * schemas and types. It loads nothing of Node, so the site bundles it as it stands. docs/API.md explains it.
 */
import { z } from 'zod';

export { Walk } from './api-walk.ts';

/** The subprotocol of both WebSockets. A browser offers it together with {@link tokenProtocol}. */
export const PROTOCOL = 'podwire.v1';

/** A browser cannot set headers on a WebSocket, so the token travels as a second subprotocol offered. */
export function tokenProtocol(token: string): string {
  return `podwire.token.${token}`;
}

/** The fragment of the printed URL that hands the token to the page: `#token=...`. */
export const TOKEN_FRAGMENT = 'token';

/** Limits that a client has to know. */
export const LIMITS = {
  /** The largest body of a request, in bytes. */
  bodyBytes: 16 * 1024,
  /** The largest message on a WebSocket from a client, in bytes. Longer input is sent in pieces. */
  messageBytes: 64 * 1024,
  /** Output of a terminal that a client may leave unacknowledged; then the terminal waits for it. */
  windowBytes: 512 * 1024,
  /** Columns and rows of a terminal. */
  columns: 500,
  rows: 300,
} as const;

// --- What labs are made of ---

/** Two digits. */
export const LabNumber = z.string().regex(/^\d{2}$/);

/** Another address plan of the same shape, and with it another testbed; without one, the canonical. */
export const Seed = z.string().min(1).max(64);

/** `node1`, `pod/a`, or `node1/NAME` for a namespace that the learner made. */
export const HostName = z.string().regex(/^[A-Za-z0-9_.-]{1,32}(\/[A-Za-z0-9_.-]{1,32})?$/);

export const Verdict = z.enum(['pass', 'fail', 'blocked', 'skipped', 'error']);
export type Verdict = z.infer<typeof Verdict>;

/** The named reason of a failure; its id is one of the catalogue of causes. */
export const NamedCause = z.object({ id: z.string(), where: z.string(), text: z.string() });
export type NamedCause = z.infer<typeof NamedCause>;

/** What was sent, as `podwire trace` takes it. */
export const Probe = z.object({
  from: z.string(),
  to: z.string(),
  protocol: z.enum(['tcp', 'udp', 'icmp']).exactOptional(),
  size: z.number().int().exactOptional(),
  count: z.number().int().exactOptional(),
});
export type Probe = z.infer<typeof Probe>;

/** One check's verdict, as `podwire check --json` prints it. */
export const CheckResult = z.object({
  id: z.string(),
  title: z.string(),
  verdict: Verdict,
  durationMs: z.number(),
  expected: z.string(),
  observed: z.string(),
  cause: NamedCause.nullable(),
  /** The check that has to pass first, when the verdict is `blocked`. */
  blockedBy: z.string().nullable(),
  /** The probe that failed, where the check failed on one. */
  probe: Probe.exactOptional(),
});
export type CheckResult = z.infer<typeof CheckResult>;

/** All checks once, as `podwire check --json` prints it. */
export const LabReport = z.object({
  lab: z.string(),
  seed: z.string().nullable(),
  passed: z.number().int(),
  total: z.number().int(),
  durationMs: z.number(),
  checks: z.array(CheckResult),
});
export type LabReport = z.infer<typeof LabReport>;

/** Something that changed in the testbed, as the kernel told it. */
export const Change = z.object({
  host: z.string(),
  kind: z.enum(['link', 'address', 'route', 'neighbour', 'fdb', 'rules', 'setting', 'namespace', 'files']),
  text: z.string(),
});
export type Change = z.infer<typeof Change>;

/** Commands of a step, and where they run. */
export const Fence = z.object({
  host: z.string(),
  commands: z.string(),
  /** The line of the guide that the first command stands on. */
  line: z.number().int(),
  /** Only looks; changes nothing. */
  look: z.boolean(),
});
export type Fence = z.infer<typeof Fence>;

export const Step = z.object({
  number: z.number().int(),
  title: z.string(),
  fences: z.array(Fence),
  turnsGreen: z.array(z.string()),
});
export type Step = z.infer<typeof Step>;

/** The address plan, as `podwire plan --json` prints it. */
export const AddressPlan = z.object({
  topology: z.string(),
  seed: z.string().nullable(),
  cluster: z.object({
    podCidr: z.string(),
    serviceCidr: z.string(),
    dnsIp: z.string(),
    domain: z.string(),
    vni: z.number().int(),
    vxlanPort: z.number().int(),
  }),
  networks: z.record(z.string(), z.string()),
  nodes: z.record(
    z.string(),
    z.object({
      interfaces: z.record(
        z.string(),
        z.object({ network: z.string(), address: z.string(), prefixLength: z.number().int() }),
      ),
      podCidr: z.string().nullable(),
      podGateway: z.string().nullable(),
      defaultRoute: z.string().nullable(),
    }),
  ),
  pods: z.record(
    z.string(),
    z.object({
      node: z.string(),
      namespace: z.string(),
      address: z.string(),
      prefixLength: z.number().int(),
    }),
  ),
  services: z.record(
    z.string(),
    z.object({
      name: z.string(),
      namespace: z.string(),
      clusterIp: z.string().nullable(),
      externalName: z.string().nullable(),
      ports: z.array(
        z.object({
          name: z.string().nullable(),
          protocol: z.enum(['TCP', 'UDP']),
          port: z.number().int(),
          targetPort: z.number().int(),
          nodePort: z.number().int().nullable(),
        }),
      ),
      /** The pods behind it that are ready. */
      endpoints: z.array(z.string()),
      notReady: z.array(z.string()),
      hostnames: z.record(z.string(), z.string()),
      externalTrafficPolicy: z.enum(['Cluster', 'Local']),
      healthCheckNodePort: z.number().int().nullable(),
    }),
  ),
  /** The hosts in which a server of the fabric's stands, and its ports. */
  servers: z.record(z.string(), z.array(z.number().int())),
  /** The variables of a learner's shell: `NODE1_IP`, `POD_A_IP` ... */
  variables: z.record(z.string(), z.string()),
});
export type AddressPlan = z.infer<typeof AddressPlan>;

/** Where a terminal can be opened. */
export const HostInfo = z.object({
  name: HostName,
  kind: z.enum(['node', 'pod']),
  /** The node that a pod is on; of a node, itself. */
  node: z.string(),
});
export type HostInfo = z.infer<typeof HostInfo>;

/**
 * `closed`: no testbed. `opening`, `resetting`, `closing`: under way, with `progress`. `open`: stands, and is
 * watched. `lost`: it stood and broke; `problem` says how. `reset` mends it.
 */
export const Phase = z.enum(['closed', 'opening', 'open', 'resetting', 'closing', 'lost']);
export type Phase = z.infer<typeof Phase>;

// --- GET /api/server ---

/** Answers without a token too, so that a page can tell "not running" from "open the printed URL again". */
export const ServerInfo = z.object({
  name: z.literal('podwire'),
  version: z.string(),
  /** Whether this request carried the right token. */
  authorized: z.boolean(),
});
export type ServerInfo = z.infer<typeof ServerInfo>;

// --- GET /api/labs ---

export const LabSummary = z.object({
  lab: LabNumber,
  slug: z.string(),
  title: z.string(),
  part: z.string(),
  minutes: z.number().int(),
  question: z.string(),
  /** The best that this learner has reached so far, over all testbeds. */
  progress: z.object({ passed: z.number().int(), total: z.number().int() }).nullable(),
  phase: Phase,
});
export type LabSummary = z.infer<typeof LabSummary>;

export const LabList = z.object({ labs: z.array(LabSummary) });
export type LabList = z.infer<typeof LabList>;

// --- GET /api/labs/{lab} ---

/** What does not change while a lab is open. */
export const LabDetail = LabSummary.extend({
  seed: z.string().nullable(),
  needs: z.array(z.string()),
  hosts: z.array(HostInfo),
  checks: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      needs: z.array(z.string()),
      /** How many hints there are. */
      hints: z.number().int(),
    }),
  ),
  steps: z.array(Step),
  faults: z.number().int(),
  plan: AddressPlan,
  nextLab: z.object({ number: z.string(), slug: z.string(), title: z.string() }).nullable(),
});
export type LabDetail = z.infer<typeof LabDetail>;

// --- GET /api/labs/{lab}/live, and the events socket ---

export const LiveCheck = z.object({
  id: z.string(),
  title: z.string(),
  /** The last verdict; one of the round before stays until the new one is there. Null: none yet. */
  result: CheckResult.nullable(),
  /** The hints shown so far: a nudge, the idea, the command. */
  hints: z.array(z.string()),
  /** How many hints there are. */
  hintsTotal: z.number().int(),
});
export type LiveCheck = z.infer<typeof LiveCheck>;

export const TerminalInfo = z.object({
  host: HostName,
  /** 1 for the first terminal of a host. */
  number: z.number().int(),
  columns: z.number().int(),
  rows: z.number().int(),
  /** Connections that show it now. */
  clients: z.number().int(),
});
export type TerminalInfo = z.infer<typeof TerminalInfo>;

/** The whole state of a lab, the same for every client. */
export const LiveLab = z.object({
  lab: LabNumber,
  seed: z.string().nullable(),
  phase: Phase,
  /** What is being done, while something is: "Starting node1", "Step 2. A cable ...". */
  progress: z.string().nullable(),
  /** What went wrong last, and what to do. */
  problem: z.string().nullable(),
  /** A round of checks is under way. */
  checking: z.boolean(),
  passed: z.number().int(),
  /** Without the checks that this kernel cannot run. */
  total: z.number().int(),
  checks: z.array(LiveCheck),
  /** The check to work on: the first that does not pass. */
  focus: z.string().nullable(),
  /** Numbers of the guide's steps to take next; empty when all is done. */
  nextSteps: z.array(z.number().int()),
  /** The newest first. */
  changes: z.array(Change),
  terminals: z.array(TerminalInfo),
});
export type LiveLab = z.infer<typeof LiveLab>;

/** Server to client on `/api/labs/{lab}/events`. Each message replaces what the client knew. */
export const EventMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('live'), live: LiveLab }),
]);
export type EventMessage = z.infer<typeof EventMessage>;

// --- Commands ---

export const CheckRequest = z.strictObject({ only: z.array(z.string().max(64)).max(64).optional() });
export type CheckRequest = z.infer<typeof CheckRequest>;

/** Without a check: the first that fails. */
export const HintRequest = z.strictObject({ check: z.string().max(64).optional() });
export type HintRequest = z.infer<typeof HintRequest>;

/** As `podwire hint --json`. `check` null: every check passes. */
export const HintAnswer = z.object({
  lab: z.string(),
  check: z.string().nullable(),
  level: z.number().int(),
  of: z.number().int(),
  text: z.string(),
});
export type HintAnswer = z.infer<typeof HintAnswer>;

/** Starts over and applies the guide's commands, up to a step. What was built before is lost. */
export const SolveRequest = z.strictObject({ to: z.number().int().min(1).max(99).optional() });
export type SolveRequest = z.infer<typeof SolveRequest>;

/** Starts over, solves the lab and puts one fault into it; without an id, one that is not told. */
export const BreakRequest = z.strictObject({ fault: z.string().max(64).optional() });
export type BreakRequest = z.infer<typeof BreakRequest>;

export const BreakAnswer = z.object({ lab: z.string(), fault: z.string().nullable() });
export type BreakAnswer = z.infer<typeof BreakAnswer>;

/** A packet walk from a host to a host, address or Service, as `podwire trace FROM TO[:PORT]`. */
export const TraceRequest = z.strictObject({
  from: HostName,
  to: z.string().min(1).max(128),
  /** TCP where nothing is said. */
  protocol: z.enum(['tcp', 'udp', 'icmp']).optional(),
  /** Length of the IP packet (UDP, ICMP), or of the answer (TCP). */
  size: z.number().int().min(1).max(10_000_000).optional(),
  /** How many probes to send; the first is walked, all are counted. */
  count: z.number().int().min(1).max(200).optional(),
});
export type TraceRequest = z.infer<typeof TraceRequest>;

// --- GET /api/labs/{lab}/diagram ---

/** The topology drawn: as the site's SVG, wide and narrow, and as `text`, which `podwire diagram` prints. */
export const Diagram = z.object({
  lab: LabNumber,
  seed: z.string().nullable(),
  /** The topology file, as harness/src/topology/topology.ts describes it. */
  topology: z.looseObject({ name: z.string() }),
  plan: AddressPlan,
  text: z.string(),
  svg: z.object({ wide: z.string(), narrow: z.string() }),
});
export type Diagram = z.infer<typeof Diagram>;

// --- The terminal socket: /api/labs/{lab}/terminal?host=pod/a&number=1&columns=80&rows=24 ---

const Columns = z.number().int().min(2).max(LIMITS.columns);
const Rows = z.number().int().min(2).max(LIMITS.rows);

/** Client to server. */
export const TerminalRequest = z.discriminatedUnion('type', [
  /** What was typed or pasted. */
  z.strictObject({ type: z.literal('input'), data: z.string() }),
  /** The size of this client's terminal; the last one told holds for all. */
  z.strictObject({ type: z.literal('resize'), columns: Columns, rows: Rows }),
  /** So many bytes of output have been shown. Without it, output stops at {@link LIMITS.windowBytes}. */
  z.strictObject({ type: z.literal('ack'), bytes: z.number().int().min(1) }),
  /** Ends the shell, for all clients. */
  z.strictObject({ type: z.literal('end') }),
]);
export type TerminalRequest = z.infer<typeof TerminalRequest>;

/** Server to client, as text. Output comes as binary messages: bytes for xterm's `write`. */
export const TerminalMessage = z.discriminatedUnion('type', [
  /** First of all. `restored`: the shell ran before; what it showed follows as the next binary message. */
  z.object({
    type: z.literal('ready'),
    host: HostName,
    number: z.number().int(),
    columns: z.number().int(),
    rows: z.number().int(),
    restored: z.boolean(),
  }),
  /** Another client's size holds now. */
  z.object({ type: z.literal('resized'), columns: z.number().int(), rows: z.number().int() }),
  /**
   * The last message. `exit`: the shell ended by itself, with `status`. `end`: a client ended it. `idle`: nobody
   * used it. `lab`: the lab was reset or closed. `server`: `podwire serve` is ending. `slow`: this client did not
   * acknowledge what it was sent; the shell goes on. `failed`: it could not be opened; `text` says why.
   */
  z.object({
    type: z.literal('closed'),
    reason: z.enum(['exit', 'end', 'idle', 'lab', 'server', 'slow', 'failed']),
    status: z.number().int().nullable(),
    text: z.string(),
  }),
]);
export type TerminalMessage = z.infer<typeof TerminalMessage>;

// --- Errors ---

/** The body of every answer that is not 2xx. `text` says what was attempted, what was found, what to do. */
export const Problem = z.object({
  error: z.enum([
    'bad-request',
    'unauthorized',
    'wrong-host',
    'wrong-origin',
    'not-found',
    'wrong-method',
    'too-large',
    'too-many-requests',
    'not-open',
    'busy',
    'no-engine',
    'failed',
  ]),
  text: z.string(),
});
export type Problem = z.infer<typeof Problem>;
