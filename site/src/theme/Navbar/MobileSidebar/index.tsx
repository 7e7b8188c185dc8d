/**
 * The menu that slides in on a phone. The theme makes it on every page, whether it is opened or not, and the list of
 * causes is long: here it is made when it is opened first.
 */
import { useNavbarMobileSidebar } from '@docusaurus/theme-common/internal';
import MobileSidebar from '@theme-original/Navbar/MobileSidebar';
import { useEffect, useState } from 'react';

export default function MobileSidebarWhenOpened() {
  const { shown } = useNavbarMobileSidebar();
  const [wasShown, setWasShown] = useState(false);
  useEffect(() => {
    if (shown) setWasShown(true);
  }, [shown]);
  return shown || wasShown ? <MobileSidebar /> : null;
}
