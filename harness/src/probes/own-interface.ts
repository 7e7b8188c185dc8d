/**
 * How interfaces that the fabric plugs into a learner's node are told from the learner's own: by the beginning of
 * their MAC address. By a name, rules of the learner's could tell them too (`iifname "pw-*"`).
 */
import { randomBytes } from 'node:crypto';

/**
 * A bridge takes the lowest MAC address of its ports unless it was given one. These are as good as higher than any
 * that the kernel makes up, so the bridge, which the pods know as their gateway, keeps its own.
 */
export const OWN_MAC = 'fe:ff:77:';

export function ownMac(): string {
  return OWN_MAC + (randomBytes(3).toString('hex').match(/../g) ?? []).join(':');
}

export function isOwnMac(mac: string): boolean {
  return mac.startsWith(OWN_MAC);
}
