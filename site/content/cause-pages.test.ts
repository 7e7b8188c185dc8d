import { CAUSES, type CauseId } from '../../harness/src/diagnosis/causes.ts';
import { groupCauses, type LabWithFaults, writeCausePages } from './cause-pages.ts';

const lab = (number: string, title: string, causes: readonly CauseId[], text = ''): LabWithFaults => ({
  number,
  title,
  text,
  folder: `labs/${number}-x`,
  faults: causes.map((cause) => ({ id: cause, title: `a ${cause}`, cause, caughtBy: 'mesh' })) as never,
});

describe('groups of causes', () => {
  const groups = groupCauses([
    lab('03', 'One node', ['link-down']),
    lab('04', 'Two', ['link-down', 'no-route']),
  ]);

  test('a cause stands under the first lab that has it', () => {
    expect(groups.slice(0, 2)).toEqual([
      { title: '03 One node', causes: ['link-down'] },
      { title: '04 Two', causes: ['no-route'] },
    ]);
  });

  test('each cause of the catalogue stands in one group', () => {
    expect(groups.flatMap(({ causes }) => causes).sort()).toEqual(Object.keys(CAUSES).sort());
  });

  test('a lab whose causes have all been met has no group', () => {
    const titles = groupCauses([lab('03', 'One', ['no-route']), lab('04', 'Two', ['no-route'])]);
    expect(titles.map(({ title }) => title)).toEqual(['03 One', 'In any lab']);
  });
});

test('the page of a cause has the words of the guide and the command that practises it', () => {
  const text = [
    '## Common mistakes',
    '',
    '| what you see | cause | how to see it | how to mend it |',
    '| --- | --- | --- | --- |',
    '| silence | `no-route`, `link-down` | `ip route` | [add it](README.md) |',
  ].join('\n');
  const page = writeCausePages([lab('03', 'One node', ['no-route'], text)]).get(
    'site/.generated/pages/causes/no-route.md',
  );
  expect(page).toContain(
    '| silence | `ip route` | [add it](../../../../labs/03-x/README.md) | [03 One node](../../../../labs/03-x/README.md) |',
  );
  expect(page).toContain('`npx podwire break 03 no-route`');
});
