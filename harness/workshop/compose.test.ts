import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { WORKBOOK } from '../src/lab/load-lab.ts';

const file = await readFile(path.join(WORKBOOK, 'docker-compose.yml'), 'utf8');
const SETTINGS = /\$\{([A-Z_]+)/g;

describe('docker-compose.yml', () => {
  test('it has one service, which publishes on loopback unless it is told otherwise', () => {
    const { services } = parse(file) as { services: Record<string, { ports: string[] }> };
    expect(Object.keys(services)).toEqual(['podwire']);
    expect(services.podwire?.ports).toEqual(['${PODWIRE_BIND:-127.0.0.1}:${PODWIRE_PORT:-4680}:4680']);
  });

  test('Compose 1.29 can read its settings: no default stands inside of another', () => {
    expect(file.match(/\$\{[^}]*\$\{/)).toBeNull();
    expect(file.match(/\$\{[^}]*:[+?]/)).toBeNull();
  });

  test('each of its settings is explained', async () => {
    const words = await readFile(path.join(WORKBOOK, 'docs/WORKSHOP.md'), 'utf8');
    for (const [, name] of file.matchAll(SETTINGS)) expect(words).toContain(`| \`${name}\` |`);
  });
});

describe('what it runs', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'podwire-workshop-'));
    await cp(path.join(WORKBOOK, 'harness/workshop/serve'), path.join(root, 'workshop/serve'));
    await cp('/bin/echo', path.join(root, 'bin/podwire'), { dereference: true });
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const run = (env: Record<string, string>) =>
    execFileSync(path.join(root, 'workshop/serve'), { env: { PATH: '/usr/bin:/bin', ...env } })
      .toString()
      .trim();

  test('the port alone says by which address browsers come', () => {
    expect(run({ PODWIRE_PORT: '8080' })).toBe(
      'serve --host 0.0.0.0 --port 4680 --origin http://localhost:8080 --origin http://127.0.0.1:8080',
    );
  });

  test('an address of its own stands for all others', () => {
    expect(run({ PODWIRE_PORT: '8080', PODWIRE_ORIGIN: 'https://workshop.example' })).toBe(
      'serve --host 0.0.0.0 --port 4680 --origin https://workshop.example',
    );
  });
});
