/** No languages: there is no highlighter in the page. */
export default function prismIncludeLanguages(): void {}
