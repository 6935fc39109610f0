import type { FunctionName } from '../functions/manifest.ts';
import { type LocalResources, readAssembly } from './assembly.ts';
import { type Container, startContainer } from './container.ts';
import { functionsInProcess, isOurs, type Lambda, type OwnFunctions } from './functions.ts';

/**
 * The functions as they are deployed: the code and the environment of the template in `folder`, each in a process
 * that sees nothing else but `surroundings`: what AWS sets there, and the addresses of what stands for AWS and Jobber.
 */
export function bundledFunctions(
  folder: string,
  local: LocalResources,
  surroundings: Readonly<Record<string, string>>,
  own: OwnFunctions = {},
): Lambda {
  const images = readAssembly(folder, local);
  const others = functionsInProcess(own);
  const serving = new Map<FunctionName, Container>();

  function start(name: FunctionName): Container {
    const image = images[name];
    return startContainer({ ...image, environment: { ...image.environment, ...surroundings } });
  }

  return {
    has: others.has,
    start,
    invoke(name, event) {
      // The owner's are not among what is deployed here.
      if (!isOurs(name)) return others.invoke(name, event);
      const running = serving.get(name);
      const container = running?.isRunning ? running : start(name);
      serving.set(name, container);
      return container.invoke(event);
    },
    close() {
      for (const container of serving.values()) container.stop();
    },
  };
}
