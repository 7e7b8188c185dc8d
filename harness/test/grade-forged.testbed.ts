/**
 * Answers to the lab about Services that translate nothing, and have a program answer the probes in the servers'
 * place: it asks a real server with the probe's own words, and changes what that says. Right ones stand beside them.
 */
import { gradeAll, type Task } from '../src/grading/grade-all.ts';
import type { Graded } from '../src/grading/graded.ts';
import { guideSubmission } from '../src/grading/second-verdict.ts';
import type { Script } from '../src/grading/submissions/submission.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { planAddresses } from '../src/topology/plan.ts';
import { readLab } from './testbeds.ts';

const lab = await readLab('06');
const { docker, image } = await prepare(stderrTerminal());
const plan = planAddresses(lab.topology);

/**
 * Takes a request for the Service as its input. It names another endpoint each time, and the client that it sees:
 * what a right network would say, word by word.
 */
const FORGER = `#!/bin/bash
IFS= read -r line
id=$(sed -n 's/.*challenge=\\([0-9a-f]*\\).*/\\1/p' <<<"$line")
set -- b:$POD_B_IP c:$POD_C_IP d:$POD_D_IP
shift $((RANDOM % 3))
said=$(curl -s -m 1 "http://$POD_C_IP:$SERVICE_WEB_TARGET_PORT/?challenge=$id" |
  sed "s/^c at [0-9.]*/\${1%:*} at \${1#*:}/; s/answers [0-9.:]*/answers $SOCAT_PEERADDR:$SOCAT_PEERPORT/")
printf 'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s\\n' $((\${#said} + 1)) "$said"
`;

const FORGE = `cat >/root/forge <<'EOF'
${FORGER}EOF
chmod +x /root/forge
for where in node $PODS; do
  inside=; [ $where = node ] || inside="ip netns exec $where"
  for chain in PREROUTING OUTPUT; do
    $inside iptables -t nat -A $chain -d "$SERVICE_WEB_IP" -p tcp --dport "$SERVICE_WEB_PORT" -j REDIRECT --to-ports 7
  done
  $inside setsid socat TCP-LISTEN:7,fork,reuseaddr EXEC:/root/forge >/dev/null 2>&1 &
done
sleep 0.3
`;

const onNodes = (commands: string): Script[] =>
  ['node1', 'node2'].map((host) => ({ host, commands, source: `${host}.sh` }));

const submissions: Readonly<Record<string, readonly Script[]>> = {
  'the guide': guideSubmission(lab).scripts,
  'forged answers alone': onNodes(FORGE),
  // Behind a right Service nothing is won either: what is asked there is answered by the forger.
  'forged answers after the guide': [
    ...guideSubmission(lab).scripts,
    ...onNodes(FORGE.replaceAll('-A $chain', '-I $chain')),
  ],
};

const verdicts = new Map<string, Graded>();

beforeAll(async () => {
  const tasks = Object.entries(submissions).map(
    ([submission, scripts]): Task => ({
      subject: { submission, student: null, lab: lab.number, seed: null },
      plan,
      submission: { scripts, notes: [] },
    }),
  );
  await gradeAll(docker, tasks, {
    lab,
    image,
    jobs: 2,
    timeLimitMs: 60_000,
    signal: new AbortController().signal,
    onVerdict: async ({ subject }, graded) => {
      verdicts.set(subject.submission, graded);
    },
  });
}, 300_000);

test('the guide passes', () => {
  expect(verdicts.get('the guide')).toMatchObject({ status: 'graded', score: 1 });
});

test.each(['forged answers alone', 'forged answers after the guide'])('%s: nobody is taken in', (name) => {
  const graded = verdicts.get(name);
  expect(graded?.status).toBe('graded');
  // That somebody else answered is what it says where the forger is quick enough; silence convinces nobody either.
  expect(graded?.feedback).toMatch(/First to repair/);
  const web = graded?.checks.filter(({ id }) => /web|node1|node2|source|client/.test(id)) ?? [];
  expect(web.filter(({ verdict }) => verdict === 'pass').map(({ id }) => id)).toEqual([]);
});
