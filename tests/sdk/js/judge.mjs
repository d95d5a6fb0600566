// Drives the simulator with the official JavaScript SDK and prints what it saw as JSON.
// KERNEL_API_KEY and KERNEL_BASE_URL are the SDK's own environment variables.
import Kernel from '@onkernel/sdk';

const kernel = new Kernel({ maxRetries: 0 });

async function logIn(profile, values) {
  const created = await kernel.auth.connections.create({
    domain: 'sms-two-factor.example',
    profile_name: profile,
  });
  const login = await kernel.auth.connections.login(created.id);
  const steps = [];
  let last = null;
  for await (const event of await kernel.auth.connections.follow(created.id)) {
    if (event.event !== 'managed_auth_state') continue;
    last = event;
    // Discovery may be over before the stream is open; everything after it waits for us.
    if (event.flow_step !== 'DISCOVERING') steps.push(event.flow_step);
    if (event.flow_step === 'AWAITING_INPUT') {
      const fields = Object.fromEntries(
        event.discovered_fields.map((field) => [field.name, values[field.name]]),
      );
      const answer = await kernel.auth.connections.submit(created.id, { fields });
      if (answer.accepted !== true) throw new Error('a submission was not accepted');
    }
  }
  const connection = await kernel.auth.connections.retrieve(created.id);
  const timeline = [];
  for await (const entry of kernel.auth.connections.timeline(created.id)) {
    timeline.push([entry.type, entry.status, entry.step, entry.completed_at === last.timestamp]);
  }
  return {
    flow_type: login.flow_type,
    steps,
    status: last.flow_status,
    error_code: last.error_code ?? null,
    connection: connection.status,
    timeline,
  };
}

const right = { email: 'j@x.example', password: 'correct-horse', code: '123456' };
const listed = [];
for await (const connection of kernel.auth.connections.list({ limit: 20 })) {
  listed.push(connection.id);
}
const missing = await kernel.auth.connections.retrieve('nobody').catch((error) => error);
console.log(
  JSON.stringify({
    listed,
    missing: missing instanceof Kernel.NotFoundError,
    success: await logIn('jane', right),
    failure: await logIn('john', { ...right, code: '000000' }),
  }),
);
