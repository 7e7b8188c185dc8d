/** A node hands nothing on: as a whole, or what comes in by one interface (kernel: ip-sysctl.rst, `forwarding`). */
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';

export async function findForwardingOff(
  evidence: Evidence,
  node: Host,
  incoming: string,
): Promise<NamedCause | null> {
  const name = hostName(node);
  if ((await evidence.setting(node, 'net/ipv4/ip_forward')) === '0')
    return cause('ip-forward-off', node, `net.ipv4.ip_forward is 0 in ${name}, so it passes nothing on`);
  if ((await evidence.setting(node, `net/ipv4/conf/${incoming}/forwarding`)) !== '0') return null;
  const text = `net.ipv4.conf.${incoming}.forwarding is 0 in ${name}, so it passes nothing on that comes in by ${incoming}`;
  return cause('ip-forward-off', node, text);
}
