import { fileErrorText } from './errors.ts';

const ofSystem = (text: string) => Object.assign(new Error(text), { syscall: 'open' });

test('an error of the file system is told by what the system says alone', () => {
  expect(fileErrorText(ofSystem("ENOENT: no such file or directory, open '/nowhere/at, all'"))).toBe(
    'no such file or directory',
  );
  expect(fileErrorText(ofSystem('ENOSPC: no space left on device, write'))).toBe('no space left on device');
});

test('any other error keeps its words', () => {
  expect(fileErrorText(new Error('Bad header, line 3'))).toBe('Bad header, line 3');
});
