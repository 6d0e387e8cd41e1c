import { readdirSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { orEmpty, readYamlFile, scalarString } from '@avalanche/yamlfile';
import { z } from 'zod';

/** A datasource as Grafana's provisioning files declare it. */
export interface Datasource {
  readonly uid: string;
  readonly name: string;
  readonly type: string;
  /** Base URL without a trailing slash. */
  readonly url: string;
  readonly isDefault: boolean;
  readonly jsonData: Readonly<Record<string, unknown>>;
}

/** A folder of dashboard files. */
export interface DashboardProvider {
  readonly name: string;
  readonly folder: string;
  readonly path: string;
  readonly allowUiUpdates: boolean;
}

export interface Provisioning {
  readonly datasources: readonly Datasource[];
  readonly providers: readonly DashboardProvider[];
}

const apiVersion = z.literal(1).optional();

const datasourceFile = z.strictObject({
  apiVersion,
  prune: z.boolean().optional(),
  deleteDatasources: z.array(z.looseObject({ name: z.string() })).optional(),
  datasources: orEmpty(
    z
      .array(
        z.strictObject({
          name: z.string(),
          type: z.string(),
          uid: z.string().optional(),
          url: z.string().default(''),
          access: z.enum(['proxy', 'direct']).optional(),
          orgId: z.number().optional(),
          isDefault: z.boolean().default(false),
          editable: z.boolean().optional(),
          version: z.number().optional(),
          jsonData: z.record(z.string(), z.unknown()).default({}),
          database: z.string().optional(),
          user: z.string().optional(),
          basicAuth: z.boolean().optional(),
          basicAuthUser: z.string().optional(),
          withCredentials: z.boolean().optional(),
        }),
      )
      .default([]),
  ),
});

const dashboardFile = z.strictObject({
  apiVersion,
  providers: orEmpty(
    z
      .array(
        z.strictObject({
          name: z.string(),
          orgId: z.number().optional(),
          folder: z.string().default(''),
          folderUid: z.string().optional(),
          type: z.literal('file').default('file'),
          disableDeletion: z.boolean().optional(),
          updateIntervalSeconds: z.number().optional(),
          allowUiUpdates: z.boolean().default(false),
          editable: z.boolean().optional(),
          options: z.strictObject({ path: scalarString, foldersFromFilesStructure: z.boolean().optional() }),
        }),
      )
      .default([]),
  ),
});

/**
 * Reads `datasources/*.yml` and `dashboards/*.yml` of a provisioning folder. `$NAME` and `${NAME}` in values stand for
 * variables of `environment`, as in Grafana. @throws FileError
 */
export async function readProvisioning(
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Provisioning> {
  const expand = (text: string) => expandVariables(text, environment);
  const datasources: Datasource[] = [];
  for (const file of yamlFiles(join(directory, 'datasources'))) {
    for (const source of (await readYamlFile(file, datasourceFile)).datasources) {
      datasources.push({
        uid: source.uid ?? slug(source.name),
        name: source.name,
        type: source.type,
        url: expand(source.url).replace(/\/+$/, ''),
        isDefault: source.isDefault,
        jsonData: source.jsonData,
      });
    }
  }
  const providers: DashboardProvider[] = [];
  for (const file of yamlFiles(join(directory, 'dashboards'))) {
    for (const provider of (await readYamlFile(file, dashboardFile)).providers) {
      const path = expand(provider.options.path);
      providers.push({
        name: provider.name,
        folder: expand(provider.folder),
        path: isAbsolute(path) ? path : resolve(directory, path),
        allowUiUpdates: provider.allowUiUpdates,
      });
    }
  }
  return { datasources, providers };
}

function expandVariables(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_all, braced?: string, bare?: string) => {
    return environment[braced ?? bare ?? ''] ?? '';
  });
}

function yamlFiles(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(directory, name));
  } catch {
    return []; // as in Grafana: a folder that is not there provisions nothing
  }
}

export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
