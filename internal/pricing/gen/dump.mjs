// Prints the price data of the genai-prices package in the current directory's
// package/ folder as JSON. The data is a JavaScript literal, so it is read through
// the package's own public function.
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const entry = pathToFileURL(resolve('package/dist/index.js')).href;
const { waitForUpdate } = await import(entry);
const providers = await waitForUpdate();
process.stdout.write(JSON.stringify(providers, ['id', 'pricing_urls', 'models', 'match', 'or', 'and', 'equals',
  'starts_with', 'ends_with', 'contains', 'regex', 'prices', 'constraint', 'type', 'start_date', 'start_time',
  'end_time', 'base', 'tiers', 'start', 'price', ...new Set(JSON.stringify(providers).match(/[a-z0-9_]+_(mtok|kcount|hours|kpages|mchars|gpixels)/g))]));
