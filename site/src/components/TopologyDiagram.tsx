interface Props {
  readonly wide: string;
  readonly narrow: string;
  /** A line for each port of each Service. */
  readonly services: string;
}

/** The lab's topology, drawn when the site is built; a phone gets the narrow drawing. */
export default function TopologyDiagram({ wide, narrow, services }: Props) {
  return (
    <figure className="topology-figure">
      {/* biome-ignore-start lint/security/noDangerouslySetInnerHtml: drawn from the topology when the site is built. */}
      <div className="only-wide" dangerouslySetInnerHTML={{ __html: wide }} />
      <div className="only-narrow" dangerouslySetInnerHTML={{ __html: narrow }} />
      {/* biome-ignore-end lint/security/noDangerouslySetInnerHtml: see above */}
      {services !== '' && (
        <ul className="topology-services">
          {services.split('\n').map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      <figcaption>What stands when the lab begins.</figcaption>
    </figure>
  );
}
