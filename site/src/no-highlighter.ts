/** Stands where the theme asks for a highlighter of code, of which these pages have no need. */
export const Prism = {};
export const themes = {};
