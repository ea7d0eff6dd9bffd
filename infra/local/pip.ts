import { findCommand, runTool } from './tool.ts';

/** A way to run pip: a program and its first arguments. */
export interface Pip {
  readonly command: string;
  readonly args: readonly string[];
}

/** Finds a pip that runs, as a module of Python or as a program. */
export async function findPip(env: NodeJS.ProcessEnv): Promise<Pip | undefined> {
  const candidates: Pip[] = [];
  for (const name of ['python3', 'python', 'pip3', 'pip']) {
    const command = findCommand([name], env);
    if (command === undefined) continue;
    candidates.push({ command, args: name.startsWith('python') ? ['-m', 'pip'] : [] });
  }
  for (const pip of candidates) {
    const { ok } = await runTool(pip.command, [...pip.args, '--version'], { env });
    if (ok) return pip;
  }
  return undefined;
}

/** Unpacks one package, without its dependencies, into a folder. */
export async function pipInto(
  pip: Pip,
  requirement: string,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<{ ok: boolean; output: string }> {
  const args = ['install', '--no-deps', '--only-binary=:all:', '--no-input', '--no-compile'];
  return runTool(pip.command, [...pip.args, ...args, '--quiet', '--target', folder, requirement], {
    env: { ...env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore' },
  });
}
