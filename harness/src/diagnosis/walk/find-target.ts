/** What the words of a request mean: which address and port, whose they are, and who is to listen there. */
import { UsageError } from '../../errors.ts';
import type { Protocol } from '../../probes/reach.ts';
import type { Host } from '../../testbed/host.ts';
import type { PlannedService } from '../../topology/plan.ts';
import type { Evidence } from '../evidence.ts';
import type { WalkRequest } from './walk.ts';

export interface Target {
  readonly protocol: Protocol;
  /** Null for a name that is yet to be asked for. */
  readonly address: string | null;
  readonly name: string | null;
  /** 0 for ICMP; null where a server of ours is to listen on a free port. */
  readonly port: number | null;
  /** Whose address it is, where that is one host. */
  readonly host: Host | null;
}

const ADDRESS = /^\d+(\.\d+){3}$/;
const DEFAULT_PORT = 80;
/** Before a name that is asked for as it stands, though a Service or host of the plan has it too, or it has no dot. */
const NAME_PREFIX = 'dns/';

/** @throws {UsageError} for words that mean nothing here. */
export async function findTarget(evidence: Evidence, request: WalkRequest): Promise<Target> {
  const { plan } = evidence.testbed;
  if (/:.*:/.test(request.to))
    throw new UsageError(`Cannot trace to "${request.to}": wanted an IPv4 address or a name, found IPv6.`);
  const [, words = '', portText] = /^(.*?)(?::(\d+))?$/.exec(request.to) ?? [];
  const port = portText === undefined ? null : Number(portText);
  if (port !== null && (port < 1 || port > 65535))
    throw new UsageError(
      `Cannot trace to "${request.to}": wanted a port from 1 to 65535, found ${portText}.`,
    );
  const serviceName = words.startsWith('svc/') ? words.slice('svc/'.length) : words;
  const service = plan.services[serviceName];
  const isHost =
    !words.startsWith('svc/') && (words in plan.nodes || words in plan.pods || words.includes('/'));
  if (service && !isHost) return ofService(evidence, request, serviceName, service, port);
  const protocol = request.protocol ?? 'tcp';
  if (ADDRESS.test(words)) {
    checkAddress(words);
    const owner = ownerIn(evidence, words);
    const ours = protocol !== 'icmp' && port === null && owner !== null;
    return {
      protocol,
      address: words,
      name: null,
      port: protocol === 'icmp' ? 0 : ours ? null : (port ?? DEFAULT_PORT),
      host: owner,
    };
  }
  if (words.startsWith(NAME_PREFIX) || words.includes('.')) {
    const name = words.startsWith(NAME_PREFIX) ? words.slice(NAME_PREFIX.length) : words;
    if (!NAME.test(name) || name.length > LONGEST_NAME)
      throw new UsageError(`Cannot trace to "${request.to}": "${name}" is no name that DNS could know.`);
    return {
      protocol,
      address: null,
      name,
      port: protocol === 'icmp' ? 0 : (port ?? DEFAULT_PORT),
      host: null,
    };
  }
  const host = hostOrName(evidence, request.to, words);
  const address = await addressOf(evidence, host);
  if (!address) {
    throw new UsageError(
      `Cannot trace to ${words}: wanted an address of it, found none, neither on it nor in the plan.`,
    );
  }
  return { protocol, address, name: null, port: protocol === 'icmp' ? 0 : port, host };
}

async function ofService(
  evidence: Evidence,
  request: WalkRequest,
  name: string,
  service: PlannedService,
  port: number | null,
): Promise<Target> {
  if (service.externalName !== null) {
    const protocol = request.protocol ?? 'tcp';
    const externalPort = protocol === 'icmp' ? 0 : (port ?? service.ports[0]?.port ?? DEFAULT_PORT);
    return { protocol, address: null, name: service.externalName, port: externalPort, host: null };
  }
  const wanted = service.ports.find(
    (each) =>
      (port === null || each.port === port) &&
      (request.protocol === undefined || each.protocol.toLowerCase() === request.protocol),
  );
  if (!wanted && request.protocol !== 'icmp') {
    const has = service.ports.map((each) => `${each.port}/${each.protocol}`).join(', ') || 'none';
    const asked = [port ?? 'a port', request.protocol?.toUpperCase()].filter(Boolean).join('/');
    throw new UsageError(`Cannot trace to Service ${name}: wanted ${asked}, found ${has}.`);
  }
  const protocol = request.protocol ?? (wanted?.protocol === 'UDP' ? 'udp' : 'tcp');
  const number = protocol === 'icmp' ? 0 : (port ?? wanted?.port ?? DEFAULT_PORT);
  if (service.clusterIp !== null)
    return { protocol, address: service.clusterIp, name: null, port: number, host: null };
  const [first] = service.endpoints;
  if (first === undefined)
    throw new UsageError(`Cannot trace to Service ${name}: it has neither a ClusterIP nor an endpoint.`);
  const host = evidence.testbed.host(`pod/${first}`);
  const targetPort = protocol === 'icmp' ? 0 : (wanted?.targetPort ?? number);
  return { protocol, address: await addressOf(evidence, host), name: null, port: targetPort, host };
}

/** The address that a host really has: the planned one if it has it, or else its first. */
export async function addressOf(evidence: Evidence, host: Host): Promise<string | null> {
  const { plan } = evidence.testbed;
  const planned = host.pod
    ? (plan.pods[host.pod]?.address ?? null)
    : (Object.values(plan.nodes[host.node]?.interfaces ?? {})[0]?.address ?? null);
  const own = (await evidence.interfaces(host)).flatMap(({ addresses }) =>
    addresses.map(({ address }) => address),
  );
  if (planned !== null && (own.includes(planned) || own.length === 0)) return planned;
  return own[0] ?? planned;
}

/** The host that the plan gives an address to. */
export function ownerIn({ testbed }: Evidence, address: string): Host | null {
  for (const [pod, planned] of Object.entries(testbed.plan.pods)) {
    if (planned.address === address) return { node: planned.node, pod };
  }
  for (const [node, { interfaces, podGateway }] of Object.entries(testbed.plan.nodes)) {
    const own = Object.values(interfaces).map((each) => each.address);
    if (own.includes(address) || podGateway === address) return { node, pod: '' };
  }
  return null;
}

const NAME = /^[\w-]+(\.[\w-]+)*\.?$/;
/** RFC 1035, section 2.3.4. */
const LONGEST_NAME = 255;

/** @throws {UsageError} for what is no address of one host. */
function checkAddress(words: string): void {
  const numbers = words.split('.').map(Number);
  const [first = 0] = numbers;
  if (numbers.some((number) => number > 255))
    throw new UsageError(`Cannot trace to "${words}": the numbers of an IPv4 address go from 0 to 255.`);
  if (first === 0 || first >= 224)
    throw new UsageError(
      `Cannot trace to "${words}": wanted the address of one host, found none of that kind.`,
    );
}

/** @throws {UsageError} that says how to ask for a name with one label. */
function hostOrName({ testbed }: Evidence, to: string, words: string): Host {
  try {
    return testbed.host(words);
  } catch (error) {
    if (!(error instanceof UsageError) || !/^[\w-]+$/.test(words)) throw error;
    throw new UsageError(`${error.message} To ask DNS for the name: ${NAME_PREFIX}${to}`, { cause: error });
  }
}
