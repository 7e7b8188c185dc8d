/** Reads netlink messages: a header, a fixed body, then attributes that may hold attributes (man 7 netlink). */

export interface NetlinkMessage {
  readonly type: number;
  /** Part of the answer to a question, not something that happened. */
  readonly isAnswer: boolean;
  /** The body and its attributes, without the header. */
  readonly body: Buffer;
}

/** Attributes by their number. One that occurs twice keeps its last value. */
export type Attributes = ReadonlyMap<number, Buffer>;

const HEADER_BYTES = 16;
const NLM_F_MULTI = 2;
/** The two highest bits of an attribute's type say how to read it, not what it is. */
const TYPE_MASK = 0x3fff;

export function parseMessage(hex: string): NetlinkMessage {
  const bytes = Buffer.from(hex, 'hex');
  return {
    type: bytes.readUInt16LE(4),
    isAnswer: (bytes.readUInt16LE(6) & NLM_F_MULTI) !== 0,
    body: bytes.subarray(HEADER_BYTES),
  };
}

/** The attributes that follow a body of the given length, or fill a nested attribute. */
export function parseAttributes(bytes: Buffer | undefined, bodyBytes = 0): Attributes {
  const attributes = new Map<number, Buffer>();
  for (let at = bodyBytes; bytes && at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    attributes.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

export function textOf(attribute: Buffer | undefined): string {
  return attribute ? attribute.toString('utf8').replace(/\0.*$/s, '') : '';
}

export function numberOf(attribute: Buffer | undefined): number | null {
  if (!attribute || attribute.length === 0) return null;
  return attribute.length >= 4 ? attribute.readUInt32LE(0) : attribute.readUIntLE(0, attribute.length);
}

/** An IPv4 address in its usual notation; anything else in hexadecimal. */
export function addressOf(attribute: Buffer | undefined): string {
  if (!attribute) return '';
  return attribute.length === 4 ? [...attribute].join('.') : attribute.toString('hex');
}

export function macOf(attribute: Buffer | undefined): string {
  return attribute ? [...attribute].map((byte) => byte.toString(16).padStart(2, '0')).join(':') : '';
}
