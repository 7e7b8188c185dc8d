/** The HTTP half of the API, one line for each request. The server answers these, and openapi.ts describes them. */
import type { z } from 'zod';
import * as api from './api.ts';

export interface Operation {
  readonly method: 'GET' | 'POST';
  /** As OpenAPI writes it; `{lab}` is two digits. */
  readonly path: string;
  readonly summary: string;
  readonly body: z.ZodType | null;
  readonly answer: z.ZodType;
  /** It may answer 202, with the phase so far. */
  readonly mayTakeLong?: boolean;
  /** It answers without a token too. */
  readonly open?: boolean;
  /** It costs the engine something. */
  readonly heavy?: boolean;
}

/** The names are those of the answering functions in answers.ts. */
export const OPERATIONS = {
  server: {
    method: 'GET',
    path: '/api/server',
    summary: 'Who answers here, and whether the token sent is right',
    body: null,
    answer: api.ServerInfo,
    open: true,
  },
  labs: {
    method: 'GET',
    path: '/api/labs',
    summary: 'All labs, with progress and phase',
    body: null,
    answer: api.LabList,
  },
  lab: {
    method: 'GET',
    path: '/api/labs/{lab}',
    summary: 'A lab: checks, steps with their commands, hosts, plan',
    body: null,
    answer: api.LabDetail,
  },
  live: {
    method: 'GET',
    path: '/api/labs/{lab}/live',
    summary: 'The state of a lab, once',
    body: null,
    answer: api.LiveLab,
  },
  plan: {
    method: 'GET',
    path: '/api/labs/{lab}/plan',
    summary: 'The address plan',
    body: null,
    answer: api.AddressPlan,
  },
  diagram: {
    method: 'GET',
    path: '/api/labs/{lab}/diagram',
    summary: 'The topology drawn',
    body: null,
    answer: api.Diagram,
  },
  open: {
    method: 'POST',
    path: '/api/labs/{lab}/open',
    summary: 'Makes the testbed stand, or finds it standing',
    body: null,
    answer: api.LiveLab,
    mayTakeLong: true,
    heavy: true,
  },
  reset: {
    method: 'POST',
    path: '/api/labs/{lab}/reset',
    summary: 'Back to the start of the lab',
    body: null,
    answer: api.LiveLab,
    mayTakeLong: true,
    heavy: true,
  },
  close: {
    method: 'POST',
    path: '/api/labs/{lab}/close',
    summary: 'Removes the testbed',
    body: null,
    answer: api.LiveLab,
    mayTakeLong: true,
    heavy: true,
  },
  solve: {
    method: 'POST',
    path: '/api/labs/{lab}/solve',
    summary: 'Starts over and applies the commands of the guide, up to a step',
    body: api.SolveRequest,
    answer: api.LiveLab,
    mayTakeLong: true,
    heavy: true,
  },
  break: {
    method: 'POST',
    path: '/api/labs/{lab}/break',
    summary: 'Starts over, solves the lab and puts one fault into it',
    body: api.BreakRequest,
    answer: api.BreakAnswer,
    heavy: true,
  },
  check: {
    method: 'POST',
    path: '/api/labs/{lab}/check',
    summary: 'All checks once, or some with those they need',
    body: api.CheckRequest,
    answer: api.LabReport,
    heavy: true,
  },
  hint: {
    method: 'POST',
    path: '/api/labs/{lab}/hint',
    summary: 'One hint more, for the first check that fails or for one that is named',
    body: api.HintRequest,
    answer: api.HintAnswer,
  },
  trace: {
    method: 'POST',
    path: '/api/labs/{lab}/trace',
    summary: 'Sends a packet and follows it',
    body: api.TraceRequest,
    answer: api.Walk,
    heavy: true,
  },
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof OPERATIONS;

export type AnswerOf<Name extends OperationName> = z.infer<(typeof OPERATIONS)[Name]['answer']>;
export type BodyOf<Name extends OperationName> = (typeof OPERATIONS)[Name]['body'] extends infer Body
  ? Body extends z.ZodType
    ? z.infer<Body>
    : null
  : never;
