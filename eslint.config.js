import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

const TYPESCRIPT = ['**/*.ts'];
const PLAIN_JAVASCRIPT = ['**/*.{js,mjs,cjs}'];
const PRODUCT = ['src/**/*.ts', 'routes/**/*.ts'];
const PROOF = ['test/**/*.ts', 'bench/**/*.ts'];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'test-artifacts/', 'data/']),
  {
    // A rule is changed here, in view of everybody, or obeyed: comments cannot switch it off.
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
  },
  js.configs.recommended,
  {
    files: TYPESCRIPT,
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // A number has one obvious text; every other type must say how it becomes text.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    // Size: what does not fit in one screen and one head is split.
    rules: {
      complexity: ['error', 12],
      'max-depth': ['error', 3],
      'max-lines': ['error', { max: 200, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: false, skipComments: false }],
      'max-params': ['error', 3],
    },
  },
  {
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportAllDeclaration',
          message: 'No barrels: import each name from the file that defines it.',
        },
      ],
    },
  },
  {
    files: PRODUCT,
    rules: {
      'no-console': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      // `as const` stays allowed; every other assertion is a parse, a guard or a better type.
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
    },
  },
  {
    // Tests and benchmarks are tables of cases inside one describe callback: its length counts the
    // cases and not their complexity, so only the file is limited, and more generously.
    files: PROOF,
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': 'off',
    },
  },
  {
    // Scripts and tool settings are outside the TypeScript project, so no type-aware rule can run.
    files: PLAIN_JAVASCRIPT,
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: globals.nodeBuiltin },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: globals.node, sourceType: 'commonjs' },
  },
);
