import { whatChanges } from './read-histories.ts';
import { withVariables } from './write-skeleton.ts';

test('what only looks stays as a comment', () => {
  const typed = [
    'ip a',
    'ip link add cni0 type bridge',
    'ip netns exec a ip link set lo up',
    'ip -br link show',
    'ping 10.244.1.2',
    'cat /etc/hosts',
    'cat rules | sh',
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'tcpdump -ni eth0',
    'iptables -t nat -S',
    'iptables -t nat -A POSTROUTING -j MASQUERADE',
    'exit',
  ].join('\n');
  expect(whatChanges(typed).filter((line) => !line.startsWith('#'))).toEqual([
    'ip link add cni0 type bridge',
    'ip netns exec a ip link set lo up',
    'cat rules | sh',
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'iptables -t nat -A POSTROUTING -j MASQUERADE',
  ]);
});

test('addresses of the plan become variables, whole or not at all', () => {
  const variables = {
    NODE1_IP: '192.168.56.1',
    NODE1_POD_CIDR: '10.244.1.0/24',
    VNI: '7',
    POD_A_IP: '10.244.1.2',
  };
  const plan = { variables };
  expect(withVariables('ip route add 10.244.1.0/24 via 192.168.56.1', plan)).toBe(
    'ip route add $NODE1_POD_CIDR via $NODE1_IP',
  );
  expect(withVariables('ping 192.168.56.11; ping 10.244.1.2:80', plan)).toBe(
    'ping 192.168.56.11; ping $POD_A_IP:80',
  );
  expect(withVariables('ip link add f type vxlan id 7 dstport 7', plan)).toBe(
    'ip link add f type vxlan id $VNI dstport 7',
  );
});
