import { createTheme, type MantineColorsTuple } from '@mantine/core';

const glacier: MantineColorsTuple = [
  '#e8f6fc',
  '#cfeaf7',
  '#a0d6ef',
  '#6fc0e6',
  '#48aedd',
  '#2b9fd4',
  '#1b8fc4',
  '#1379a6',
  '#0f6388',
  '#0a4a67',
];

/** Neutral greys with a touch of blue, for the dark scheme: text first, backgrounds last. */
const dark: MantineColorsTuple = [
  '#d5dae1',
  '#b4bdc8',
  '#93a0ae',
  '#6b7785',
  '#2c3540',
  '#232b35',
  '#1a2029',
  '#161b22',
  '#101419',
  '#0b0e12',
];

/** Mantine in our look: system fonts, small radii, hairlines, no shadows and next to no motion. */
export const theme = createTheme({
  primaryColor: 'glacier',
  primaryShade: { light: 7, dark: 7 },
  colors: { glacier, dark },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", Menlo, Consolas, monospace',
  defaultRadius: 'sm',
  respectReducedMotion: true,
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  components: {
    Tooltip: { defaultProps: { openDelay: 250, withArrow: false, transitionProps: { duration: 80 } } },
    Modal: { defaultProps: { transitionProps: { duration: 100 }, overlayProps: { backgroundOpacity: 0.4 } } },
    Menu: { defaultProps: { transitionProps: { duration: 80 }, shadow: 'md' } },
    Popover: { defaultProps: { transitionProps: { duration: 80 }, shadow: 'md' } },
  },
});
