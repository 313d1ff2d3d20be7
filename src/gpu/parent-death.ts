import koffi from 'koffi'

const PR_SET_PDEATHSIG = 1
const SIGKILL = 9

/** From here on the kernel kills this process when its parent ends, also while it hangs in a call. Linux only; elsewhere nothing. */
export function endWithParent(): void {
  if (process.platform !== 'linux') return
  koffi.load(null).func('prctl', 'int', ['int', 'ulong'])(PR_SET_PDEATHSIG, SIGKILL)
}
