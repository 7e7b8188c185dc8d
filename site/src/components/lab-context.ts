import { createContext } from 'react';
import type { LabOnPage } from '../../content/catalog';

export type { LabOnPage };

/** The lab that the page is about; null on other pages. */
const LabContext = createContext<LabOnPage | null>(null);
export default LabContext;
