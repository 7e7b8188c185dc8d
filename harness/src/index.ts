/** The harness's public face: what labs import. */
export { type Check, defineFaults, defineLab, type Fault, type Lab, type Matrix } from './lab/define-lab.ts';
export {
  expectArrival,
  expectEchoKept,
  expectForwarded,
  expectFullSizeNow,
  expectLargeTransfer,
  expectNoFragments,
  expectOverlayOnUnderlay,
  expectPlainOnUnderlay,
  expectQuietOverlay,
  expectRoomForRemotePod,
  expectRouters,
} from './probes/expect-between-nodes.ts';
export { expectNobodyHas, expectNoStaleFlow } from './probes/expect-cluster-ip.ts';
export {
  type ContainerOnPort,
  expectContainer,
  expectOnLocalhost,
  expectOwnFiles,
  expectPause,
  expectPodHostname,
  expectPortTaken,
  expectYounger,
} from './probes/expect-container.ts';
export {
  type DnsClient,
  expectAlias,
  expectDnsReached,
  expectDnsServer,
  expectForwardedUpstream,
  expectLargeAnswer,
  expectRecords,
} from './probes/expect-dns.ts';
export {
  expectLastingConnection,
  expectLeavesAsItself,
  expectLeavesAsNode,
  expectSeenAsItself,
  expectSeenAsNode,
} from './probes/expect-egress.ts';
export { expectRoomAtBridge } from './probes/expect-growth.ts';
export {
  expectClientSeen,
  expectHealthCheck,
  expectLocalBackends,
  expectSilence,
} from './probes/expect-local-policy.ts';
export { expectLoopbackClosed } from './probes/expect-loopback-closed.ts';
export {
  expectCable,
  expectCableUp,
  expectLoopback,
  expectNodeAsWayOut,
  expectOwnNamespace,
  expectPlannedAddress,
} from './probes/expect-namespace.ts';
export {
  expectAnswered,
  expectArrivalAtBackend,
  expectBackends,
  expectEvenAtNodes,
} from './probes/expect-node-port.ts';
export { expectClusterIpSource, expectOwnPorts, expectTransit } from './probes/expect-node-port-only.ts';
export { expectOwnRange } from './probes/expect-own-range.ts';
export {
  expectClusterResolver,
  expectResolver,
  expectSameResolver,
  expectSearchedFirst,
  expectShortNames,
  expectWorldName,
} from './probes/expect-resolver.ts';
export {
  expectClientKept,
  expectEvenSplit,
  expectHairpin,
  expectOtherPortsUnserved,
  expectRefused,
  expectService,
  expectSomeEndpoint,
} from './probes/expect-service.ts';
export { inLanes } from './probes/in-lanes.ts';
export type { Network } from './probes/network.ts';
export { type Reached, reachDns, reachHost, reachNodePort, reachService } from './probes/reached.ts';
export { CheckFailure, CheckSkipped } from './probes/symptom.ts';
