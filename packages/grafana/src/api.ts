import type { FastifyInstance, FastifyRequest } from 'fastify';
import { annotationRoutes } from './annotations/routes.ts';
import type { AnnotationStore } from './annotations/store.ts';
import { type Auth, refuse } from './auth.ts';
import { type DashboardJson, type DashboardStore, SaveError, type StoredDashboard } from './dashboards.ts';
import { type Datasource, slug } from './provisioning.ts';
import { datasourceProxy } from './proxy.ts';

export interface GrafanaContext {
  readonly auth: Auth;
  readonly dashboards: DashboardStore;
  readonly annotations: AnnotationStore;
  readonly datasources: readonly Datasource[];
  /** What only our UI asks for, beside the datasources. */
  readonly others: readonly Datasource[];
  readonly version: string;
}

/** The part of Grafana's HTTP API that tools and our UI use; everything here wants a user. */
export async function grafanaApi(app: FastifyInstance, context: GrafanaContext): Promise<void> {
  const { auth, dashboards, datasources } = context;
  app.addHook('preHandler', async (request, reply) => {
    const user = await auth.userOf(request);
    if (!user) return refuse(reply, 401, 'Unauthorized');
    reply.header('x-grafana-login', user.login);
    return undefined;
  });
  await app.register(async (scope) => datasourceProxy(scope, [...datasources, ...context.others]));
  await app.register((scope) =>
    annotationRoutes(scope, context.annotations, async (request) => (await auth.userOf(request))?.login ?? ''),
  );

  app.get('/api/user', async (request) => {
    const user = await auth.userOf(request);
    return {
      id: 1,
      login: user?.login,
      name: user?.login,
      email: '',
      orgId: 1,
      isGrafanaAdmin: true,
      isDisabled: false,
      // Ours: the UI nudges to change it.
      usesDefaultPassword: user?.usesDefaultPassword,
    };
  });
  app.get('/api/org', async () => ({ id: 1, name: 'Main Org.' }));
  app.get('/api/search', async (request) => {
    const { query = '', tag = [], type = '' } = request.query as Record<string, string | string[]>;
    const tags = typeof tag === 'string' ? [tag] : tag;
    if (type !== '' && type !== 'dash-db') return [];
    return dashboards
      .all()
      .filter((dashboard) => dashboard.title.toLowerCase().includes(String(query).toLowerCase()))
      .filter((dashboard) => tags.every((wanted) => dashboard.tags.includes(wanted)))
      .map(searchHit);
  });
  app.get('/api/folders', async () => {
    const folders = new Set(dashboards.all().map((dashboard) => dashboard.folder));
    return [...folders].filter((title) => title !== '').map((title, i) => ({ id: i + 1, uid: slug(title), title }));
  });
  app.get('/api/dashboards/uid/:uid', async (request, reply) => {
    const dashboard = dashboards.get(uidOf(request));
    if (!dashboard) return refuse(reply, 404, 'Dashboard not found');
    return {
      meta: metaOf(dashboard),
      dashboard: { ...dashboard.json, uid: dashboard.uid, version: dashboard.version },
    };
  });
  app.post('/api/dashboards/db', async (request, reply) => {
    const body = (request.body ?? {}) as { readonly dashboard?: unknown; readonly overwrite?: unknown };
    if (typeof body.dashboard !== 'object' || body.dashboard === null) return refuse(reply, 400, 'bad request data');
    try {
      const { uid, title, version } = dashboards.save(body.dashboard as DashboardJson, body.overwrite === true);
      return { id: 1, uid, url: `/d/${uid}/${slug(title)}`, slug: slug(title), status: 'success', version };
    } catch (error) {
      if (!(error instanceof SaveError)) throw error;
      return reply.code(error.status).send({ status: error.code, message: error.message });
    }
  });
  app.delete('/api/dashboards/uid/:uid', async (request, reply) => {
    const title = dashboards.get(uidOf(request))?.title;
    try {
      if (!dashboards.delete(uidOf(request))) return refuse(reply, 404, 'Dashboard not found');
      return { title, message: `Dashboard ${title} deleted` };
    } catch (error) {
      if (!(error instanceof SaveError)) throw error;
      return refuse(reply, error.status, error.message);
    }
  });
  app.get('/api/datasources', async () => datasources.map(datasourceJson));
  app.get('/api/datasources/uid/:uid', async (request, reply) => {
    const source = datasources.find((candidate) => candidate.uid === uidOf(request));
    return source ? datasourceJson(source) : refuse(reply, 404, 'Data source not found');
  });
  app.get('/api/datasources/name/:name', async (request, reply) => {
    const { name } = request.params as { readonly name: string };
    const source = datasources.find((candidate) => candidate.name === name);
    return source ? datasourceJson(source) : refuse(reply, 404, 'Data source not found');
  });
}

function uidOf(request: FastifyRequest): string {
  return (request.params as { readonly uid: string }).uid;
}

function searchHit({ uid, title, tags, folder }: StoredDashboard, i: number) {
  return {
    id: i + 1,
    uid,
    title,
    uri: `db/${slug(title)}`,
    url: `/d/${uid}/${slug(title)}`,
    slug: '',
    type: 'dash-db',
    tags,
    isStarred: false,
    ...(folder === '' ? {} : { folderTitle: folder, folderUid: slug(folder) }),
  };
}

function metaOf({ uid, title, folder, provisioned, version, file }: StoredDashboard) {
  return {
    type: 'db',
    canSave: !provisioned,
    canEdit: true,
    canAdmin: true,
    canDelete: !provisioned,
    slug: slug(title),
    url: `/d/${uid}/${slug(title)}`,
    version,
    folderTitle: folder || 'General',
    provisioned,
    provisionedExternalId: provisioned ? (file.split('/').at(-1) ?? '') : '',
  };
}

function datasourceJson(source: Datasource, i = 0) {
  return {
    id: i + 1,
    uid: source.uid,
    orgId: 1,
    name: source.name,
    type: source.type,
    access: 'proxy',
    url: source.url,
    isDefault: source.isDefault,
    jsonData: source.jsonData,
    readOnly: true,
  };
}
