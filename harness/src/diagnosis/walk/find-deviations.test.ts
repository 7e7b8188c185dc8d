import { findLab, loadLab } from '../../lab/load-lab.ts';
import { planAddresses } from '../../topology/plan.ts';
import { findDeviations } from './find-deviations.ts';
import type { OuterView, PacketWalk, Stop } from './walk.ts';

const plan = planAddresses((await loadLab(await findLab('05'))).topology);
const address = plan.pods.c?.address ?? '';
const { vni, vxlanPort: port } = plan.cluster;

function stop(host: string, outer: Partial<OuterView> | null = null, cut = false): Stop {
  const around = outer && { source: '', destination: '', port, vni, ttl: 64, length: 134, ...outer };
  const packet = { ...PACKET, outer: around };
  const then = cut ? [{ kind: 'fragmented' as const, host, text: 'cut into fragments' }] : [];
  return { host, interface: 'eth0', direction: 'out', atUs: 0, packet, then };
}

const PACKET = {
  ...{ sourceMac: '', destinationMac: '', source: '10.244.1.2', destination: address, sourcePort: null },
  ...{ destinationPort: null, protocol: 'icmp' as const, what: 'echo request', ttl: 64, length: 84 },
};

function deviations(...stops: Stop[]): string[] {
  return deviationsAt(address, ...stops);
}

function deviationsAt(asked: string, ...stops: Stop[]): string[] {
  const walked: PacketWalk = { role: 'request', summary: 'it', begins: [], stops, arrived: true };
  return findDeviations(plan, { address: asked, port: 80 }, [walked]).map(
    ({ id, where }) => `${id} in ${where}`,
  );
}

test('the way of the plan deviates from nothing, whatever routers are on it', () => {
  expect(
    deviations(stop('pod/a'), stop('node1', {}), stop('router', {}), stop('node2'), stop('pod/c')),
  ).toEqual([]);
});

test('a node that has neither end of the way should not be on it', () => {
  expect(deviations(stop('pod/a'), stop('node1', {}), stop('node3'), stop('node2'), stop('pod/c'))).toEqual([
    'wrong-next-hop in node1',
  ]);
});

test('another number or port of the tunnel, and fragments, are told', () => {
  const by = (outer: Partial<OuterView>, cut = false) =>
    deviations(stop('pod/a'), stop('node1', outer, cut), stop('node2'), stop('pod/c'));
  expect(by({ vni: vni + 1 })).toEqual(['vni-mismatch in node1']);
  expect(by({ port: 4789 })).toEqual(['vxlan-port-mismatch in node1']);
  expect(by({}, true)).toEqual(['mtu-mismatch in node1']);
});

test('a tunnel of another number to a node on the same network is first of all needless', () => {
  const destination = plan.nodes.node3?.interfaces.eth0?.address ?? '';
  expect(
    deviations(stop('pod/c'), stop('node2', { vni: vni + 1, destination }), stop('node3'), stop('pod/e')),
  ).toEqual(['encapsulated in node2', 'vni-mismatch in node2']);
});

test("what is for a node's own port and ends in a pod was taken from the node", () => {
  const own = plan.nodes.node2?.interfaces.eth0?.address ?? '';
  expect(deviationsAt(own, stop('node1'), stop('node2'), stop('pod/c'))).toEqual(['own-port-taken in node2']);
  expect(deviationsAt(own, stop('node1'), stop('node2'))).toEqual([]);
});
