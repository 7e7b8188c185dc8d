/** Pods on one node: what must be true when a bridge joins them, in the order in which it comes true. */
import { defineLab, type Network } from 'podwire';

const PODS = ['pod/a', 'pod/b', 'pod/c'];

/** Every ordered pair of pods. */
const PAIRS = PODS.flatMap((from) => PODS.filter((to) => to !== from).map((to) => [from, to] as const));

function nodeOf(network: Network): { address: string; podCidr: string; gateway: string } {
  const { NODE1_IP = '', NODE1_POD_CIDR = '', NODE1_POD_GATEWAY = '' } = network.plan.variables;
  return { address: NODE1_IP, podCidr: NODE1_POD_CIDR, gateway: NODE1_POD_GATEWAY };
}

export default defineLab({
  checks: [
    {
      id: 'addresses',
      title: 'Every pod has an address of its own from the pod CIDR of node1',
      hints: [
        'Look into pod a: `ip address`. What does it have besides lo?',
        'A pod gets its interface by a cable: a veth pair, one end in the pod, named eth0, the other in the node. The address belongs to the end in the pod.',
        'ip link add veth-a type veth peer name eth0 netns a; then, in pod a: ip address add $POD_A_IP/24 dev eth0; ip link set eth0 up. The same for b and c.',
      ],
      async run(network) {
        const { podCidr, gateway } = nodeOf(network);
        await network.expectOwnAddresses(PODS, podCidr, gateway);
      },
    },
    {
      id: 'a-reaches-b',
      title: 'Pod a reaches pod b over ICMP, TCP and UDP',
      needs: ['addresses'],
      hints: [
        'Follow the frame from pod a. It leaves by eth0 and comes out of the other end of the cable. And then?',
        'A bridge is a switch made of software. A cable is plugged into it when its end in the node has the bridge as its master. The bridge and both ends have to be up.',
        'ip link add cni0 type bridge; ip link set cni0 up; ip link set veth-a master cni0 up; ip link set veth-b master cni0 up',
      ],
      run: (network) => network.expectReach('pod/a', 'pod/b'),
    },
    {
      id: 'mesh',
      title: 'Every pod reaches every other pod',
      needs: ['a-reaches-b'],
      hints: [
        'Which pod is not reached? What does it lack that the others have?',
        'Every pod needs all of it: a cable, an address, both ends up, and the end in the node as a port of the bridge.',
        'bridge link shows the ports of the bridge; ip netns exec c ip address shows what pod c has.',
      ],
      async run(network) {
        await network.expectEach(PAIRS, ([from, to]) => network.expectReach(from, to));
      },
    },
    {
      id: 'no-nat',
      title: "The server sees the client's own address: no NAT between pods",
      needs: ['mesh'],
      hints: [
        'Watch in pod b who asks: tcpdump -n -i eth0. Is it the address of pod a?',
        'Kubernetes promises that pods see each other with their own addresses. A rule that masquerades everything breaks that, even on one node, because bridged packets pass iptables here.',
        'iptables -t nat -S POSTROUTING shows the rule; iptables -t nat -D POSTROUTING ... removes it.',
      ],
      async run(network) {
        await network.expectEach(PAIRS, ([from, to]) => network.expectSourceKept(from, to));
      },
    },
    {
      id: 'bridged',
      title: 'Frames between pods are bridged, not routed: the TTL arrives as it left',
      needs: ['mesh'],
      hints: [
        'ping from pod a to pod b prints the ttl of the answer. A router takes one off. Is it still 64?',
        'If the pods are plugged into one bridge and share one network (/24), they find each other by ARP and no router is asked.',
        'ip route get $POD_B_IP in pod a must say "dev eth0" without "via".',
      ],
      async run(network) {
        await network.expectEach(PAIRS, ([from, to]) => network.expectNotRouted(from, to));
      },
    },
    {
      id: 'arp',
      title: 'The pods know each other by MAC address: their neighbour tables are right',
      needs: ['mesh'],
      hints: [
        'In pod a: ip neigh. Who is listed after a ping to pod b?',
        'A pod asks with ARP who has an address, and writes the answer into its neighbour table. A permanent entry that is wrong is believed too.',
        'ip neigh flush dev eth0, then ping again and look at ip neigh.',
      ],
      async run(network) {
        await network.expectEach(PAIRS, ([from, to]) => network.expectNeighbourLearned(from, to));
      },
    },
    {
      id: 'fdb',
      title: 'The bridge knows behind which port each pod is',
      needs: ['mesh'],
      hints: [
        'bridge fdb show: which MAC addresses does the bridge know, and behind which ports?',
        'A bridge learns from the source address of every frame that comes in. It must be allowed to learn on the port.',
        'bridge link set dev veth-a learning on',
      ],
      async run(network) {
        await network.expectEach(PODS, (pod) => network.expectInForwardingDatabase(pod));
      },
    },
    {
      id: 'full-size',
      title: 'Packets of full size pass',
      needs: ['mesh'],
      hints: [
        'A small ping passes. Does a large one? ping -M do -s 1472 ...',
        'Every interface on the way has an MTU. One that is smaller than the others drops large frames silently: a bridge does not fragment.',
        'ip link shows the MTU of each interface; ip link set veth-a mtu 1500 sets it.',
      ],
      async run(network) {
        await network.expectEach(PAIRS, ([from, to]) => network.expectFullSize(from, to));
      },
    },
    {
      id: 'node-reaches-pods',
      title: 'The node reaches every pod',
      needs: ['addresses'],
      hints: [
        'On node1: ip route get $POD_A_IP. Where would the packet go?',
        'The bridge is also an interface of the node. With an address from the pod CIDR it becomes the door between the node and its pods.',
        'ip address add $NODE1_POD_GATEWAY/24 dev cni0',
      ],
      async run(network) {
        await network.expectEach(PODS, (pod) => network.expectReach('node1', pod));
      },
    },
    {
      id: 'pods-reach-node',
      title: 'Every pod reaches the node at its own address, by the gateway',
      needs: ['node-reaches-pods'],
      hints: [
        'In pod a: ip route get $NODE1_IP. Does the pod know a way to an address outside its own network?',
        "A pod sends what is not for its own network to its default gateway: the bridge's address.",
        'In each pod: ip route add default via $NODE1_POD_GATEWAY',
      ],
      async run(network) {
        const { address } = nodeOf(network);
        await network.expectEach(PODS, (pod) => network.expectReach(pod, 'node1', address));
      },
    },
    {
      id: 'added-later',
      title: 'A pod that is plugged in later works at once',
      needs: ['mesh', 'pods-reach-node'],
      hints: [
        'The check plugs a pod of its own into your bridge, with the next free address. What would stop it, and not the first three?',
        'Whatever names pods one by one, a static route, a static neighbour, a filter with a list of addresses, does not know a pod that comes later.',
        'Let the bridge learn, let ARP ask, and keep one route for the whole pod CIDR.',
      ],
      run: (network) => network.expectRoomForAnotherPod('node1', 'pod/a'),
    },
  ],
});
