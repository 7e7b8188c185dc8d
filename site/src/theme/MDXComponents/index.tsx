import Fence from '@site/src/components/Fence';
import TopologyDiagram from '@site/src/components/TopologyDiagram';
import TurnsGreen from '@site/src/components/TurnsGreen';
import A from '@theme/MDXComponents/A';
import Details from '@theme/MDXComponents/Details';
import Heading from '@theme/MDXComponents/Heading';
import Img from '@theme/MDXComponents/Img';
import type { ComponentType } from 'react';

/** What Markdown becomes. Code is coloured when the site is built, so the theme's own highlighter stays out. */
const components: Record<string, ComponentType<never>> = {
  a: A,
  details: Details,
  img: Img,
  table: (props: object) => (
    // Wide tables scroll; a keyboard can reach them.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable.
    <section className="table-frame" tabIndex={0} aria-label="Table">
      <table {...props} />
    </section>
  ),
  'podwire-fence': Fence,
  'podwire-diagram': TopologyDiagram,
  'podwire-turns-green': TurnsGreen,
};
for (const level of ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'] as const)
  components[level] = (props: object) => <Heading as={level} {...props} />;

export default components;
