import Link from '@docusaurus/Link';
import useBaseUrl from '@docusaurus/useBaseUrl';
import useDocusaurusContext from '@docusaurus/useDocusaurusContext';
import Layout from '@theme/Layout';
import type { LabCard } from '../../content/catalog';
import CommandLine from './CommandLine';
import { LabList } from './LabIndex';

const PROMISES = [
  ['Real', 'The kernel’s own bridges, veth pairs, routes and packet filters. Nothing is simulated.'],
  ['Hermetic', 'A testbed has no way out. Root in a node is nobody on your machine.'],
  ['Honest', 'Any right answer passes, however you built it. A wrong one fails, and its cause is named.'],
  ['Fast', 'A testbed stands in half a second. A verdict follows a change in a third of one.'],
] as const;

export default function HomePage({ labs }: { readonly labs: readonly LabCard[] }) {
  const { repository } = useDocusaurusContext().siteConfig.customFields ?? {};
  const first = labs.find(({ number }) => number === '03') ?? labs[0];
  return (
    <Layout
      title="Learn container networking by building it"
      description="A hands-on course on container networking."
    >
      <main className="page home">
        <div className="home-hero">
          <h1>Learn container networking by building it</h1>
          <p className="page-lead">
            Podwire starts containers that play Kubernetes nodes, with network namespaces in them that play
            pods, and leaves part of the network out. You build that part by hand, with <code>ip</code>,{' '}
            <code>bridge</code> and <code>iptables</code>. Checks turn green while you work. When something
            does not, Podwire says where the packet died, and why.
          </p>
          <p className="home-actions">
            {first && (
              <Link className="bench-button" to={first.url}>
                Begin with lab {first.number}
              </Link>
            )}
            <Link to="/labs/">All {labs.length} labs</Link>
          </p>
        </div>
        <Board theme="light" />
        <Board theme="dark" />
        <ul className="home-promises">
          {PROMISES.map(([name, text]) => (
            <li key={name}>
              <b>{name}.</b> {text}
            </li>
          ))}
        </ul>
        <section>
          <h2>Begin</h2>
          <p>
            You need git and Node 20 or newer. On Debian and Ubuntu, Podwire installs the Docker engine if
            there is none (it asks first). Elsewhere, have Docker running.
          </p>
          {typeof repository === 'string' && <CommandLine command={`git clone ${repository}`} />}
          <p>This book, with the bench beside each guide:</p>
          <CommandLine command="npm run site" />
          <p>Or lab 03 in your terminal:</p>
          <CommandLine command="npm run lab:03" />
        </section>
        <LabList labs={labs} />
      </main>
    </Layout>
  );
}

/** The live board as `scripts/picture-board.ts` drew it; a phone gets the narrow one, and CSS shows one theme. */
function Board({ theme }: { readonly theme: 'light' | 'dark' }) {
  const suffix = theme === 'light' ? '-light' : '';
  return (
    <picture className={`home-board only-${theme}`}>
      <source media="(max-width: 700px)" srcSet={useBaseUrl(`/board-narrow${suffix}.svg`)} />
      <img
        src={useBaseUrl(`/board${suffix}.svg`)}
        alt="The live board of lab 03: one check passes, one fails and its cause is named, and the topology beside them"
      />
    </picture>
  );
}
