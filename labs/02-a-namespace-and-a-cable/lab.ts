/** A namespace and a cable: what has to be true of a pod's network before there is a second pod. */
import {
  defineLab,
  expectCable,
  expectCableUp,
  expectLoopback,
  expectNodeAsWayOut,
  expectOwnNamespace,
  expectPlannedAddress,
} from 'podwire';

export default defineLab({
  checks: [
    {
      id: 'namespace',
      title: 'Pod a is a network namespace of its own',
      hints: [
        'ip netns list prints the namespaces that have a name. Is there one named "a"?',
        'A pod is a network namespace. The name is a file below /run/netns that the namespace is mounted on.',
        'ip netns add a',
      ],
      run: (network) => expectOwnNamespace(network, 'pod/a'),
    },
    {
      id: 'loopback',
      title: 'Pod a reaches itself on 127.0.0.1',
      needs: ['namespace'],
      hints: [
        'In pod a: ip link. In which state is lo?',
        'Every namespace has an interface lo of its own, and it is down in a new one. Nobody sets it up for you.',
        'ip -n a link set lo up',
      ],
      run: (network) => expectLoopback(network, 'pod/a'),
    },
    {
      id: 'cable',
      title: 'A cable leads from eth0 in pod a to the node',
      needs: ['namespace'],
      hints: [
        'Compare ip link on the node with ip -n a link. Which ends of a cable do you see, and where?',
        'A veth pair has two ends. One has to be in pod a, with the name eth0. The other has to be in the node.',
        'ip link add veth-a type veth peer name eth0 netns a',
      ],
      run: (network) => expectCable(network, 'pod/a'),
    },
    {
      id: 'up',
      title: 'Both ends of the cable are up',
      needs: ['cable'],
      hints: [
        'ip -brief link, on the node and in the pod. What does NO-CARRIER mean?',
        'A new interface is down. An end of a cable has a carrier when the other end is up too.',
        'ip link set veth-a up; ip -n a link set eth0 up',
      ],
      run: (network) => expectCableUp(network, 'pod/a'),
    },
    {
      id: 'address',
      title: 'eth0 in pod a has the planned address and prefix length',
      needs: ['cable'],
      hints: [
        'In pod a: ip address show eth0. Compare it with $POD_A_IP, and look at the number behind the slash.',
        'The prefix length says who is on the same cable. Without one, ip takes /32: nobody. With one that is too short, the pod looks on its cable for addresses that are far away.',
        'ip -n a address add $POD_A_IP/24 dev eth0',
      ],
      run: (network) => expectPlannedAddress(network, 'pod/a'),
    },
    {
      id: 'node-reaches-pod',
      title: 'The node reaches pod a over ICMP, TCP and UDP',
      needs: ['up', 'address'],
      hints: [
        'On node1: ip route get $POD_A_IP. Does the packet leave by the end of the cable?',
        'An address with a /24 on the end of the cable in the node makes a route to the pod, and gives the pod somebody to answer to.',
        'ip address add $NODE1_POD_GATEWAY/24 dev veth-a',
      ],
      run: (network) => network.expectReach('node1', 'pod/a'),
    },
    {
      id: 'default-route',
      title: 'Pod a hands whatever is for elsewhere to the node',
      needs: ['node-reaches-pod'],
      hints: [
        'In pod a: ip route get 198.51.100.7. That address is far away. Who gets the packet?',
        'A default route names the gateway: the neighbour who gets every packet that no other route fits. The node has to have that address.',
        'ip -n a route add default via $NODE1_POD_GATEWAY',
      ],
      run: (network) => expectNodeAsWayOut(network, 'pod/a'),
    },
    {
      id: 'pod-reaches-node',
      title: 'Pod a reaches the node at its own address',
      needs: ['node-reaches-pod'],
      hints: [
        'In pod a: ip route get $NODE1_IP. Does pod a know a way to it?',
        'The address of the node is on another network than the address of the pod. So the packet goes to the gateway first.',
        'ip -n a route add default via $NODE1_POD_GATEWAY',
      ],
      async run(network) {
        const { NODE1_IP = '' } = network.plan.variables;
        // That the node has asked the pod is not enough: the pod has to find the node by itself.
        await network.forgetNeighboursOf('pod/a');
        await network.expectReach('pod/a', 'node1', NODE1_IP);
      },
    },
  ],
});
