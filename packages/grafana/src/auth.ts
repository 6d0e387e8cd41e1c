import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { User, Users } from './users.ts';

const COOKIE = 'grafana_session';
const PASSWORD_LENGTH_MIN = 4;

export interface AuthOptions {
  readonly users: Users;
  /** Whether the default password may log in: only where nobody else can reach the server. */
  readonly allowDefaultPassword: boolean;
}

export interface Auth {
  /** Who asks: by session cookie or basic authentication; null for nobody. */
  userOf(request: FastifyRequest): Promise<User | null>;
}

/**
 * Login, logout and password of the one administrator. The session cookie is out of reach of scripts and of requests
 * that other sites start; a request that changes something must also come from our own pages.
 */
export function authRoutes(app: FastifyInstance, { users, allowDefaultPassword }: AuthOptions): Auth {
  const userOf = async (request: FastifyRequest): Promise<User | null> => {
    const user = users.userOfSession(sessionOf(request));
    if (user) return isForeign(request) ? null : user;
    const basic = basicCredentials(request);
    return basic ? allowed(await users.authenticate(basic.login, basic.password)) : null;
  };
  const allowed = (user: User | null) => (user?.usesDefaultPassword && !allowDefaultPassword ? null : user);

  app.post('/login', async (request, reply) => {
    const { user: login, password } = (request.body ?? {}) as { readonly user?: unknown; readonly password?: unknown };
    if (typeof login !== 'string' || typeof password !== 'string') {
      return refuse(reply, 400, 'bad login data: user and password are needed');
    }
    if (users.isLockedOut()) return refuse(reply, 429, 'Too many failed logins; try again in five minutes');
    const user = await users.authenticate(login, password);
    if (!user) return refuse(reply, 401, 'Invalid username or password');
    if (!allowed(user)) {
      return refuse(reply, 401, 'The default password works only on loopback; set GF_SECURITY_ADMIN_PASSWORD');
    }
    const secret = users.openSession();
    reply.header('set-cookie', `${COOKIE}=${secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000`);
    return { message: 'Logged in' };
  });

  app.get('/logout', async (request, reply) => {
    users.closeSession(sessionOf(request));
    reply.header('set-cookie', `${COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`);
    return reply.redirect('/login');
  });

  app.put('/api/user/password', async (request, reply) => {
    const user = await userOf(request);
    if (!user) return refuse(reply, 401, 'Unauthorized');
    const { oldPassword, newPassword } = (request.body ?? {}) as { oldPassword?: unknown; newPassword?: unknown };
    if (typeof oldPassword !== 'string' || !(await users.authenticate(user.login, oldPassword))) {
      return refuse(reply, 401, 'Invalid old password');
    }
    if (typeof newPassword !== 'string' || newPassword.length < PASSWORD_LENGTH_MIN) {
      return refuse(reply, 400, `New password is too short: at least ${PASSWORD_LENGTH_MIN} characters`);
    }
    await users.changePassword(newPassword, sessionOf(request));
    return { message: 'User password changed' };
  });
  return { userOf };
}

export function refuse(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply.code(status).send({ message });
}

function sessionOf(request: FastifyRequest): string {
  const cookies = request.headers.cookie ?? '';
  return new RegExp(`(?:^|; )${COOKIE}=([0-9a-f]+)`).exec(cookies)?.[1] ?? '';
}

/** Whether a browser says that a changing request was started by a page that is not ours. */
function isForeign(request: FastifyRequest): boolean {
  const { origin } = request.headers;
  if (request.method === 'GET' || request.method === 'HEAD' || origin === undefined) return false;
  try {
    return new URL(origin).host !== request.headers.host;
  } catch {
    return true;
  }
}

function basicCredentials(request: FastifyRequest): { readonly login: string; readonly password: string } | null {
  const match = /^Basic (.+)$/.exec(request.headers.authorization ?? '');
  if (!match) return null;
  const text = Buffer.from(match[1], 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? null : { login: text.slice(0, colon), password: text.slice(colon + 1) };
}
