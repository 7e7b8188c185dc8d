/**
 * Pages whose text is shown before their script is fetched. A page is whole without its script; what a phone computes to take
 * it over would otherwise stand before the first paint.
 */
import defaultTemplate from '@docusaurus/core/lib/ssg/ssgTemplate.html';

/** Docusaurus' own: script elements in the head. */
const IN_HEAD = /<% it\.scripts\.forEach\([\s\S]*?<% }\); %>/;

/** After the first paint, in their order; at once where nobody looks, since nothing is painted then. */
const AFTER_PAINT = `<script>
(function () {
  function load() {
    [<% it.scripts.forEach((script) => { %>"<%= it.baseUrl %><%= script %>",<% }); %>].forEach(function (source) {
      var element = document.createElement("script");
      element.src = source;
      element.async = false;
      document.head.appendChild(element);
    });
  }
  if (document.hidden) load();
  else requestAnimationFrame(function () { setTimeout(load); });
})();
</script>`;

/** @throws where Docusaurus has another template than the one that is known here. */
export function textFirst(): string {
  if (!IN_HEAD.test(defaultTemplate))
    throw new Error('The page template of Docusaurus has changed: see plugins/text-first.ts.');
  return defaultTemplate.replace(IN_HEAD, '').replace('</body>', () => `${AFTER_PAINT}\n  </body>`);
}
