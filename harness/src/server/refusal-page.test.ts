import { refusalPage } from './refusal-page.ts';

test('what a stranger sent is shown as text, and the right addresses are links', () => {
  const page = refusalPage('not for "<script>alert(1)</script>"', new Set(['http://127.0.0.1:4680']));
  expect(page).toContain('not for &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;');
  expect(page).not.toContain('<script>');
  expect(page).toContain('<a href="http://127.0.0.1:4680/">http://127.0.0.1:4680</a>');
});
