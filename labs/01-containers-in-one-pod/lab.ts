/** Containers in one pod: what they share, what they do not, and what outlives them. */
import {
  type ContainerOnPort,
  defineLab,
  expectContainer,
  expectOnLocalhost,
  expectOwnFiles,
  expectPause,
  expectPlannedAddress,
  expectPodHostname,
  expectPortTaken,
  expectYounger,
} from 'podwire';

const POD = 'pod/a';
const WEB: ContainerOnPort = { name: 'web', port: 80 };
const API: ContainerOnPort = { name: 'api', port: 8080 };

export default defineLab({
  checks: [
    {
      id: 'pause',
      title: 'A pause process holds pod a, with a hostname of its own',
      hints: [
        'The namespace of pod a is there, with an address. Does any process live in it? ip netns pids a',
        'A pod begins with a process that does nothing but be there. It is in the network namespace of the pod, and in a UTS namespace of its own, which is where a hostname lives.',
        "setsid nsenter --net=/run/netns/a unshare --uts --ipc sh -c 'hostname a; exec sleep infinity' &",
      ],
      run: (network) => expectPause(network, POD),
    },
    {
      id: 'web',
      title: 'Container web listens on port 80, in the network namespace of pod a',
      needs: ['pause'],
      hints: [
        'ss -ltnp on the node, and ip netns exec a ss -ltnp. In which of the two does port 80 appear?',
        'A container joins a pod by entering the namespaces of its pause process before its program begins.',
        'nsenter --target $(cat /run/podwire/pods/a) --net PROGRAM',
      ],
      run: (network) => expectContainer(network, POD, WEB),
    },
    {
      id: 'api',
      title: 'Container api listens on port 8080, in the same network namespace',
      needs: ['web'],
      hints: [
        'Is there a second server in pod a? What did it say when it started?',
        'Both containers have the same ports, because ports belong to the network namespace. Port 80 is taken.',
        'start-container api 8080',
      ],
      run: (network) => expectContainer(network, POD, API, WEB),
    },
    {
      id: 'localhost',
      title: 'Each container reaches the other on 127.0.0.1',
      needs: ['web', 'api'],
      hints: [
        'ip netns exec a ss -ltn: at which addresses do the servers listen?',
        'The containers share the interface lo. A server that listens at 0.0.0.0 or at 127.0.0.1 can be reached by it. One that listens at the address of the pod alone cannot.',
        'ip netns exec a curl http://127.0.0.1:8080/',
      ],
      async run(network) {
        await network.expectEach([WEB, API], (container) => expectOnLocalhost(network, POD, container));
      },
    },
    {
      id: 'one-owner',
      title: 'A port belongs to one container: a second server on port 80 or 8080 is refused',
      needs: ['web', 'api'],
      hints: [
        'ip netns exec a ss -ltnp: how many lines are there for each port?',
        'The kernel gives a port of a namespace to the first who asks. With the option SO_REUSEPORT it gives it to several, and deals out the connections among them.',
        'Stop one of the two, and start it without the option reuseport.',
      ],
      async run(network) {
        await network.expectEach([WEB, API], (container) => expectPortTaken(network, POD, container));
      },
    },
    {
      id: 'own-files',
      title: 'Each container has files of its own',
      needs: ['web', 'api'],
      hints: [
        'ls -l /proc/PID/ns for both servers and for your shell. Which namespaces are the same?',
        'Files are seen through a mount namespace. A container gets a new one, and then a root file system, or at least a directory, of its own in it.',
        "unshare --mount sh -c 'mount --bind /containers/web /srv; exec PROGRAM'",
      ],
      run: (network) => expectOwnFiles(network, POD, [WEB, API]),
    },
    {
      id: 'hostname',
      title: 'Both containers share the hostname of the pod',
      needs: ['web', 'api'],
      hints: [
        'Ask a server: curl http://$POD_A_IP/ from the node. Which hostname does it tell?',
        'A hostname belongs to a UTS namespace. The containers of a pod join the one of its pause process, and so they have the name of the pod.',
        'nsenter --target $(cat /run/podwire/pods/a) --net --uts PROGRAM',
      ],
      run: (network) => expectPodHostname(network, POD, [WEB, API]),
    },
    {
      id: 'restart',
      title: 'Container web, started again after api, is in the same pod with the same address',
      needs: ['localhost', 'own-files'],
      hints: [
        'Which of the two servers is older? ps -eo pid,lstart,args',
        'A container that ends takes nothing of the network with it. The next one joins what pause still holds.',
        'stop-container 80; start-container web 80',
      ],
      async run(network) {
        await expectYounger(network, POD, WEB, API);
        await expectPlannedAddress(network, POD);
      },
    },
  ],
});
