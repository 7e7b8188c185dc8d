import { useCallback, useEffect, useRef, useState } from 'react';
import { followLab, type LabConnection, NOT_YET } from './lab-connection';

/** The connection to the lab, and the way to try again at once. */
export function useLab(lab: string): LabConnection & { readonly lookAgain: () => void } {
  const [connection, setConnection] = useState<LabConnection>(NOT_YET);
  const following = useRef<ReturnType<typeof followLab> | null>(null);
  useEffect(() => {
    const followed = followLab(lab, setConnection);
    following.current = followed;
    return () => followed.end();
  }, [lab]);
  const lookAgain = useCallback(() => following.current?.lookAgain(), []);
  return { ...connection, lookAgain };
}
