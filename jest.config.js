/** Tests run the sources as Node runs them: types are stripped, nothing else is changed. */
const shared = {
  rootDir: import.meta.dirname,
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'json', 'node'],
  testEnvironment: '<rootDir>/harness/test/tell-suppressed.js',
  transform: { '\\.ts$': '<rootDir>/harness/test/strip-types.js' },
  modulePathIgnorePatterns: [
    '<rootDir>/harness/runtime/',
    '<rootDir>/site/build/',
    '<rootDir>/site/export/',
    '<rootDir>/site/.generated/',
  ],
};

export default {
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['**/*.test.ts'] },
    // What needs an engine. Testbeds of one file run side by side; so do two files.
    {
      ...shared,
      displayName: 'testbed',
      testMatch: ['**/*.testbed.ts', '!**/{lab-proof,grade-hostile}.testbed.ts'],
    },
    // What takes the machine from everybody else: nothing that asks a network runs beside it.
    { ...shared, displayName: 'hostile', testMatch: ['<rootDir>/harness/test/grade-hostile.testbed.ts'] },
    { ...shared, displayName: 'proof', testMatch: ['<rootDir>/harness/test/lab-proof.testbed.ts'] },
    // What needs a browser too. `npm test` builds the site before.
    { ...shared, displayName: 'browser', testMatch: ['<rootDir>/site/test/*.browser.ts'] },
  ],
  maxWorkers: 2,
  maxConcurrency: 3,
  testTimeout: 120_000,
  // A difference with everything around it.
  expand: true,
};
