/** A small lab in the middle of being solved, for the tests of the board. */
import type { CheckResult, Verdict } from '../../grading/verdict.ts';
import { withResult } from '../../live/standing.ts';
import { planAddresses } from '../../topology/plan.ts';
import { parseTopology } from '../../topology/read-topology.ts';
import { type BoardLab, type BoardState, beginBoard } from './board-state.ts';

const TOPOLOGY = parseTopology(
  'name: small\nnetworks: { underlay: { cidr: 192.168.56.0/24 } }\nnodes:\n  node1: { interfaces: { eth0: { network: underlay, host: 11 } }, podCidr: 10.244.1.0/24, pods: [a, b] }\n',
  'small.yaml',
);

export const SAMPLE_LAB: BoardLab = {
  number: '03',
  title: 'Pods on one node',
  question: 'How do pods on a node reach each other?',
  seed: null,
  checks: [
    {
      id: 'addresses',
      title: 'Every pod has an address of its own',
      hints: ['Look into pod a.', 'It needs a cable.', 'ip link add'],
    },
    {
      id: 'reach',
      title: 'Pod a reaches pod b',
      hints: ['Follow the frame.', 'A bridge is a switch.', 'ip link add cni0 type bridge'],
    },
    {
      id: 'no-nat',
      title: "The server sees the client's own address: no NAT between pods",
      hints: ['Watch.', 'A rule.', 'iptables'],
    },
  ],
  steps: [
    { number: 1, title: 'A bridge', fences: [], turnsGreen: [] },
    { number: 2, title: 'A cable for each pod', fences: [], turnsGreen: ['addresses'] },
    { number: 3, title: 'Plug the cables in', fences: [], turnsGreen: ['reach', 'no-nat'] },
  ],
  topology: TOPOLOGY,
  plan: planAddresses(TOPOLOGY),
  nextLab: { number: '04', title: 'Pods across nodes by routes' },
};

export function resultOf(id: string, verdict: Verdict, details: Partial<CheckResult> = {}): CheckResult {
  const title = SAMPLE_LAB.checks.find((check) => check.id === id)?.title ?? id;
  return {
    id,
    title,
    verdict,
    durationMs: 3,
    expected: title,
    observed: '',
    cause: null,
    blockedBy: null,
    ...details,
  };
}

/** The first check passes, the second fails, the third waits for it. */
export function halfway(): BoardState {
  const results = [
    resultOf('addresses', 'pass'),
    resultOf('reach', 'fail', {
      expected: 'an answer from pod/b at 10.244.1.3',
      observed: 'no answer',
      cause: { id: 'not-in-bridge', where: 'node1', text: 'veth-b is plugged into no bridge' },
    }),
    resultOf('no-nat', 'blocked', { blockedBy: 'reach' }),
  ];
  return { ...results.reduce(withResult, beginBoard(SAMPLE_LAB)), checking: false };
}

export function solved(): BoardState {
  const results = SAMPLE_LAB.checks.map(({ id }) => resultOf(id, 'pass'));
  return { ...results.reduce(withResult, beginBoard(SAMPLE_LAB)), checking: false };
}
