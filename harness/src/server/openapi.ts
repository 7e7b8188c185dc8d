/** The OpenAPI document of the HTTP half, made from the operations and their schemas. */
import { z } from 'zod';
import * as api from './api.ts';
import { OPERATIONS, type Operation } from './operations.ts';
import { STATUS } from './problems.ts';

type Json = Record<string, unknown>;

/** Every schema that has a name in api.ts is a component of that name. */
function describeSchemas(): { readonly names: Map<z.ZodType, string>; readonly schemas: Json } {
  const registry = z.registry<{ id: string }>();
  const names = new Map<z.ZodType, string>();
  for (const [id, schema] of Object.entries(api)) {
    if (!(schema instanceof z.ZodType) || names.has(schema)) continue;
    registry.add(schema, { id });
    names.set(schema, id);
  }
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    target: 'draft-2020-12',
    io: 'input',
  });
  for (const schema of Object.values<Json>(schemas)) {
    delete schema.$schema;
    delete schema.$id;
  }
  return { names, schemas };
}

/** https://spec.openapis.org/oas/v3.1.0 */
export function describeApi(version: string): Json {
  const { names, schemas } = describeSchemas();
  const reference = (schema: z.ZodType): Json => {
    const name = names.get(schema);
    if (name === undefined) throw new Error('A schema that an operation uses has no name in api.ts.');
    return { $ref: `#/components/schemas/${name}` };
  };
  const json = (schema: z.ZodType): Json => ({ 'application/json': { schema: reference(schema) } });
  const paths: Record<string, Json> = {};
  for (const [operationId, operation] of Object.entries<Operation>(OPERATIONS)) {
    const { method, path, summary, body, answer, mayTakeLong, open } = operation;
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: {
        operationId,
        summary,
        parameters: parametersOf(path, reference),
        ...(open ? { security: [] } : {}),
        ...(body ? { requestBody: { required: false, content: json(body) } } : {}),
        responses: {
          200: { description: 'Done', content: json(answer) },
          ...(mayTakeLong ? { 202: { description: 'Under way', content: json(answer) } } : {}),
          default: { description: 'Refused or failed', content: json(api.Problem) },
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Podwire',
      version,
      description:
        'What `podwire serve` answers. WebSockets, and how a page gets its token, are described in docs/API.md. ' +
        `Errors: ${Object.entries(STATUS)
          .map(([error, status]) => `${error} ${status}`)
          .join(', ')}.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:4680' }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'From the fragment of the printed URL.' },
      },
    },
  };
}

function parametersOf(path: string, reference: (schema: z.ZodType) => Json): Json[] {
  if (!path.startsWith('/api/labs')) return [];
  const seed = { name: 'seed', in: 'query', required: false, schema: reference(api.Seed) };
  if (!path.includes('{lab}')) return [seed];
  return [{ name: 'lab', in: 'path', required: true, schema: reference(api.LabNumber) }, seed];
}
