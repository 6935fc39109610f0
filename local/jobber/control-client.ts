import type { Control } from './control.ts';

/** The control of a simulator in another process. Its functions reject with what the simulator says. */
export type RemoteControl = {
  readonly [Name in keyof Control]: (
    ...parameters: Parameters<Control[Name]>
  ) => Promise<ReturnType<Control[Name]>>;
};

/** @param url the simulator's `url` */
export function simulatorControl(url: string): RemoteControl {
  const remote = <Name extends keyof Control>(name: Name): RemoteControl[Name] => {
    const call = async (...parameters: unknown[]) => {
      const response = await fetch(new URL(`/_simulator/${name}`, url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(parameters),
      });
      if (!response.ok) throw new Error(`The simulator refused ${name}: ${await response.text()}`);
      return (await response.json()) ?? undefined;
    };
    return call as RemoteControl[Name];
  };
  return {
    audit: remote('audit'),
    auditAccount: remote('auditAccount'),
    isAccessTokenLive: remote('isAccessTokenLive'),
    issueGrant: remote('issueGrant'),
    disconnect: remote('disconnect'),
    deactivateUser: remote('deactivateUser'),
    deactivate: remote('deactivate'),
    expireAccessTokens: remote('expireAccessTokens'),
    rollClientSecret: remote('rollClientSecret'),
    sendWebhook: remote('sendWebhook'),
    webhookDeliveries: remote('webhookDeliveries'),
    reset: remote('reset'),
    getSettings: remote('getSettings'),
    changeSettings: remote('changeSettings'),
    pushFaults: remote('pushFaults'),
    pendingFaults: remote('pendingFaults'),
    clearFaults: remote('clearFaults'),
  };
}
