/**
 * What a page says of itself to those that read its head. Only a site with an address of its own (`SITE_URL`) says
 * what that address is: on a learner's machine it would be a wrong one.
 */
import Head from '@docusaurus/Head';
import { useLocation } from '@docusaurus/router';
import { PageMetadata, useThemeConfig } from '@docusaurus/theme-common';
import useDocusaurusContext from '@docusaurus/useDocusaurusContext';
import inter from '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2';

export default function SiteMetadata() {
  const { siteConfig } = useDocusaurusContext();
  const { image, metadata } = useThemeConfig();
  const { pathname } = useLocation();
  const address = siteConfig.customFields?.published ? siteConfig.url + pathname : null;
  return (
    <>
      {image && <PageMetadata image={image} />}
      <Head>
        {/* The face of every text is asked for with the page, so that nothing is drawn twice. */}
        <link rel="preload" href={inter} as="font" type="font/woff2" crossOrigin="anonymous" />
        {address && <link rel="canonical" href={address} />}
        {address && <meta property="og:url" content={address} />}
        {address && <meta name="twitter:card" content="summary_large_image" />}
        <meta property="og:site_name" content={siteConfig.title} />
        {metadata.map((each) => (
          <meta key={String(each.name ?? each.property)} {...each} />
        ))}
      </Head>
    </>
  );
}
