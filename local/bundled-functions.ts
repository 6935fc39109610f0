import { type FunctionName, functions } from '../functions/manifest.ts';
import { type LocalResources, readAssembly } from './assembly.ts';
import { type Container, startContainer } from './container.ts';
import { functionsInProcess, type Lambda } from './functions.ts';

/**
 * The functions as they are deployed: the code and the environment of the template in `folder`, each in a process
 * that sees nothing else but `surroundings`: what AWS sets there, and the addresses of what stands for AWS and Jobber.
 */
export function bundledFunctions(
  folder: string,
  local: LocalResources,
  surroundings: Readonly<Record<string, string>>,
): Lambda {
  const images = readAssembly(folder, local);
  const serving = new Map<FunctionName, Container>();

  function start(name: FunctionName): Container {
    const image = images[name];
    return startContainer({ ...image, environment: { ...image.environment, ...surroundings } });
  }

  return {
    start,
    invoke(name, event) {
      // The examples are the owner's, and not among what is deployed here.
      if (!isDeployed(name)) return functionsInProcess.invoke(name, event);
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

const isDeployed = (name: string): name is FunctionName => name in functions;
