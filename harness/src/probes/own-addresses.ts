/** Judges the addresses of a node's pods: each has one of its own from the node's range. */
import { type Host, hostName } from '../testbed/host.ts';
import { contains, rangeOf, toAddress } from '../topology/cidr.ts';
import { CheckFailure, type Symptom } from './symptom.ts';

export interface AddressOwner {
  readonly host: Host;
  readonly addresses: readonly string[];
}

export interface AddressRange {
  readonly cidr: string;
  readonly gateway: string;
}

/**
 * What is wrong with the pods' addresses, or null. Addresses of other ranges are a learner's own business,
 * as long as there is one from this range.
 *
 * @param nodes the nodes themselves, whose addresses no pod may have.
 */
export function judgeAddresses(
  pods: readonly AddressOwner[],
  nodes: readonly AddressOwner[],
  { cidr, gateway }: AddressRange,
): CheckFailure | null {
  const { network, broadcast } = rangeOf(cidr);
  const reserved = new Map([
    [toAddress(network), `the address of the network ${cidr} itself`],
    [toAddress(broadcast), `the broadcast address of ${cidr}`],
    [gateway, "the node's own, the pods' gateway"],
  ]);
  const expected = `an address of its own from ${cidr} on every pod`;
  const refuse = (observed: string, symptom: Symptom) => new CheckFailure(expected, observed, symptom);

  const owners = new Map<string, Host[]>();
  for (const { host, addresses } of [...nodes, ...pods]) {
    for (const address of addresses.filter((each) => contains(cidr, each))) {
      owners.set(address, [...(owners.get(address) ?? []), host]);
    }
  }
  for (const { host, addresses } of pods) {
    const name = hostName(host);
    const [first] = addresses;
    if (first === undefined) return refuse(`${name} has no address`, { kind: 'no-address', host });
    const inside = addresses.filter((address) => contains(cidr, address));
    if (inside.length === 0)
      return refuse(`${name} has ${first}`, { kind: 'address-outside', host, address: first, cidr });
    for (const address of inside) {
      const role = reserved.get(address);
      if (role)
        return refuse(`${name} has ${address}, ${role}`, { kind: 'address-reserved', host, address, role });
    }
  }
  for (const [address, hosts] of owners) {
    if (hosts.length < 2) continue;
    const observed = `${hosts.map(hostName).join(' and ')} both have ${address}`;
    return refuse(observed, { kind: 'address-twice', hosts, address });
  }
  return null;
}

/** So many addresses are enough to choose from. */
const CANDIDATES = 32;

/**
 * One of the highest addresses of the range that nobody has: pods are numbered from the bottom. Which one is
 * left to chance, because two boards that hear of the same change each plug in a pod at the same moment.
 *
 * @returns null when all are taken.
 */
export function freeAddress(
  cidr: string,
  taken: ReadonlySet<string>,
  chance: () => number = Math.random,
): string | null {
  const { network, broadcast } = rangeOf(cidr);
  const free: string[] = [];
  for (let number = broadcast - 1; number > network && free.length < CANDIDATES; number--) {
    const address = toAddress(number);
    if (!taken.has(address)) free.push(address);
  }
  return free[Math.floor(chance() * free.length)] ?? null;
}
