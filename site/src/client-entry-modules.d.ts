// What the entry begins with, and nothing else looks into.
declare module 'react-dom/client';
declare module '@docusaurus/core/lib/client/App';
declare module '@docusaurus/core/lib/client/clientEntry';
