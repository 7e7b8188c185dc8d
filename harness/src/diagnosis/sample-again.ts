/** Many requests once more, while somebody looks what becomes of them. */
import { requestsToMeetAll } from '../probes/even-split.ts';
import { PORTS_OF_DIAGNOSES } from '../probes/probe-ports.ts';
import { type Sample, type SampleQuestion, sample } from '../probes/sample.ts';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

/** From ports that no check asks from: checks go on meanwhile, and thousands of their packets say nothing of these. */
export function sampleAgain(testbed: Testbed, from: Host, question: SampleQuestion): Promise<Sample> {
  return sample(testbed, from, { ...question, ports: PORTS_OF_DIAGNOSES });
}

/** How many requests meet each of `n` endpoints, all but once in ten thousand diagnoses: more would cost them time. */
export function callsToMeetAll(n: number): number {
  return requestsToMeetAll(n, 1e-4);
}
