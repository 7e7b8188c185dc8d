/** IPv4 addresses and networks as numbers. */

export function toNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

export function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

export interface Range {
  readonly network: number;
  readonly broadcast: number;
}

/** The first and last address of `10.244.1.0/24`. */
export function rangeOf(cidr: string): Range {
  const [address = '', length = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(length));
  const network = Math.floor(toNumber(address) / size) * size;
  return { network, broadcast: network + size - 1 };
}

export function contains(cidr: string, address: string): boolean {
  const { network, broadcast } = rangeOf(cidr);
  const number = toNumber(address);
  return number >= network && number <= broadcast;
}
