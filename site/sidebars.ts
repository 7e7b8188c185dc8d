import { readFileSync } from 'node:fs';
import path from 'node:path';

export default JSON.parse(readFileSync(path.join(__dirname, '.generated/catalog.json'), 'utf8')).sidebars;
